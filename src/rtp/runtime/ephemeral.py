"""`rtp up --ephemeral -- CMD`: an instance that lives as long as one command, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from rtp.runtime import errors, launch, logs, site, stopping
from rtp.runtime.instance import Instance, socket_folder
from rtp.runtime.launch import Progress
from rtp.runtime.tails import tail
from rtp.settings import Settings

PREFIX = "rtp-ephemeral-"
LOG_LINES = 15
GRACE_SECONDS = 10.0
SIGNALLED = 128


class Outcome(msgspec.Struct, kw_only=True):
    """How the command ended (128 + n for signal n), and the ends of the logs if it failed."""

    exit_code: int
    logs: list[str] = []


def run(settings: Settings, command: list[str], *, seconds: float, progress: Progress = lambda _: None) -> Outcome:
    """Start a throwaway instance, run the command with RTP_HOME, RTP_URL and RTP_TOKEN, remove the instance.

    Raises: ProgramMissing, and what `launch.up` raises.
    """
    if shutil.which(command[0]) is None:
        raise errors.ProgramMissing(program=command[0])
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    instance = Instance(own := throwaway_settings(settings, home))
    reader, writer = os.pipe()
    try:
        status = launch.up(own, seconds=seconds, progress=progress, throwaway=reader).status
        code = _run(command, environment(own, status.url, instance.token()))
        return Outcome(exit_code=code, logs=log_ends(instance) if code else [])
    finally:
        os.close(reader)
        os.close(writer)
        stopping.stop(instance)
        remove(instance)


def throwaway_settings(settings: Settings, home: Path) -> Settings:
    """The same settings, but with servers of its own: a throwaway instance never touches a given database."""
    return msgspec.structs.replace(
        settings,
        home=str(home),
        environment="dev",
        url="",
        token="",
        token_file="",
        context="",
        database_url="",
        database_owner_url="",
        redis_url="",
        port=0,
    )


def environment(settings: Settings, url: str, token: str) -> dict[str, str]:
    """The command's environment: our own, with the throwaway instance as the server."""
    config = str(settings.home_folder() / "config")
    ours = {f"RTP_{name.upper()}" for name in settings.__struct_fields__}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"RTP_HOME": settings.home, "RTP_URL": url, "RTP_TOKEN": token, "RTP_CONFIG_HOME": config}


def _run(command: list[str], env: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=env)
    try:
        code = process.wait()
    except BaseException:  # an interrupt reaches the command as well: let it end by itself first
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return code if code >= 0 else SIGNALLED - code


def log_ends(instance: Instance) -> list[str]:
    """The end of every log, each under its name."""
    lines = []
    for path in logs.files(instance):
        if last := tail(path, LOG_LINES):
            lines += [f"==> {path.name} <==", *last]
    return lines


def remove(instance: Instance) -> None:
    """Remove a throwaway instance with everything that it keeps outside its folder."""
    if not instance.home.name.startswith(PREFIX):
        return
    if instance.exists:
        site.forget(instance.read(), instance.home)
    shutil.rmtree(socket_folder(instance.home), ignore_errors=True)
    shutil.rmtree(instance.home, ignore_errors=True)
