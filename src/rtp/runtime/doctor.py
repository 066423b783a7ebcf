"""What can be checked on this machine without asking the server."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import rtp
from rtp.errors import RtpError
from rtp.meta.schemas import Check
from rtp.plugins import trust
from rtp.runtime import launch, pg_binaries, valkey
from rtp.runtime.instance import Instance
from rtp.settings import Settings

LOW_MB = 2_000
FULL_MB = 300
WAYS_OUT = {"behind": "rtp db migrate", "dirty": "rtp db apply --resume"}
"""By the state of the schema that keeps the API from being ready."""


def checks(settings: Settings) -> list[Check]:
    """Every local check, in the order of CHECKS."""
    instance = Instance(settings)
    return [check for run in CHECKS for check in run(instance, settings)]


def processes(instance: Instance, settings: Settings) -> list[Check]:
    """Whether every service of the instance runs and answers."""
    status = launch.status(instance)
    if status.state == "down":
        return [Check(name="processes", state="failed", detail=f"no instance runs in {instance.home}", fix="rtp up")]
    unwell = [row for row in status.services if row.state not in ("up", "external")]
    if not unwell:
        return [Check(name="processes", state="ok", detail=f"{len(status.services)} services run")]
    fixes = {"api": WAYS_OUT.get(status.schema, "rtp logs api")}
    return [
        Check(
            name=f"process {row.name}",
            state="failed",
            detail=f"{row.state}: {row.detail}" if row.detail else row.state,
            fix=fixes.get(row.name, f"rtp logs {row.name}"),
        )
        for row in unwell
    ]


def versions(instance: Instance, settings: Settings) -> list[Check]:
    """Whether what runs is what is installed, and the database is of the installed major version."""
    found = [Check(name="python", state="ok", detail=platform.python_version())]
    ours = next((row for row in launch.status(instance).services if row.name == "supervisor" and row.pid), None)
    if ours is not None and ours.version != rtp.__version__:
        text = f"rtp {ours.version} runs, {rtp.__version__} is installed"
        found.append(Check(name="rtp", state="warning", detail=text, fix="rtp down && rtp up"))
    else:
        found.append(Check(name="rtp", state="ok", detail=rtp.__version__))
    if not settings.database_url:
        found.append(_program("postgresql", lambda: _postgres(instance, settings)))
    if not settings.redis_url:
        found.append(_program("valkey", lambda: valkey.version(valkey.program())))
    return found


def _program(name: str, version: Callable[[], str]) -> Check:
    try:
        return Check(name=name, state="ok", detail=version())
    except RtpError as error:
        return Check(name=name, state="failed", detail=error.message, fix=error.problem().hint)


def _postgres(instance: Instance, settings: Settings) -> str:
    programs = pg_binaries.programs(settings.pg_bin)
    version = programs.version()
    if instance.exists and (was := instance.read().pg_major):
        pg_binaries.require_major(instance.data, was, programs)
    return f"{version} in {programs.bin}" if settings.pg_bin else version


def disk(instance: Instance, settings: Settings) -> list[Check]:
    """Whether the disk of the instance has room."""
    folder = instance.home
    while not folder.exists():
        folder = folder.parent
    info = os.statvfs(folder)
    free_mb = info.f_bavail * info.f_frsize // 1_000_000
    state: Literal["ok", "warning", "failed"] = "ok" if free_mb >= LOW_MB else "warning"
    if free_mb < FULL_MB:
        state = "failed"
    fix = "" if state == "ok" else f"df -h {folder}; rtp jobs purge"
    return [Check(name="disk", state=state, detail=f"{free_mb} MB free on the disk of {folder}", fix=fix)]


def permissions(instance: Instance, settings: Settings) -> list[Check]:
    """Whether only this user may read the instance."""
    wanted = [(instance.home, 0o700), (instance.secrets_file, 0o600), (instance.token_file, 0o600)]
    wanted += [(instance.socket_folder, 0o700), (instance.file, 0o600)]
    found = []
    for path, mode in wanted:
        problem = _too_open(path, mode)
        if problem:
            found.append(Check(name="permissions", state="failed", detail=problem, fix=f"chmod {mode:o} {path}"))
    return found or [Check(name="permissions", state="ok", detail="the instance is private to this user")]


def _too_open(path: Path, mode: int) -> str:
    try:
        info = path.stat()
    except FileNotFoundError:
        return ""
    if info.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to user {info.st_uid}"
    here = stat.S_IMODE(info.st_mode)
    return f"{path} has mode {here:04o}, not {mode:04o}" if here & ~mode else ""


def database_roles(instance: Instance, settings: Settings) -> list[Check]:
    """Whether the application has a database role that cannot rewrite the audit."""
    if not settings.database_url:
        return [Check(name="database roles", state="ok", detail="rtp_app and rtp_owner")]
    if settings.database_owner_url and settings.database_owner_url != settings.database_url:
        return [Check(name="database roles", state="ok", detail="two database URLs are set")]
    detail = "audit is not protected: the application has the owner's only database URL"
    fix = "set RTP_DATABASE_OWNER_URL to the owning role and RTP_DATABASE_URL to one without its rights"
    return [Check(name="database roles", state="failed", detail=detail, fix=fix)]


def plugins(instance: Instance, settings: Settings) -> list[Check]:
    """Whether every trusted plugin still is what was trusted."""
    try:
        known = trust.read(os.environ).plugins
    except RtpError as error:
        return [Check(name="trusted plugins", state="failed", detail=error.message, fix=error.problem().hint)]
    found = []
    for plugin in known:
        try:
            trust.check(plugin)
        except RtpError as error:
            name = f"trusted plugin {plugin.distribution}"
            found.append(Check(name=name, state="failed", detail=error.message, fix=error.problem().hint))
    return found or [Check(name="trusted plugins", state="ok", detail=f"{len(known)} unchanged")]


CHECKS: tuple[Callable[[Instance, Settings], list[Check]], ...] = (
    processes,
    versions,
    disk,
    permissions,
    database_roles,
    plugins,
)
