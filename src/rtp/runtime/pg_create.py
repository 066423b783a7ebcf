"""Making an empty database: initdb, then the two roles in single-user mode, so no superuser can ever log in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from rtp.runtime import errors
from rtp.runtime.instance import Secrets
from rtp.runtime.postgres import DATABASE, ENVIRONMENT, Postgres

NEEDED_MB = 200
FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17
ACCESS = "local all all scram-sha-256\n"


def create(server: Postgres, secrets: Secrets, *, durable: bool = True) -> None:
    """Create the data folder with the roles rtp_owner and rtp_app and the database rtp.

    The folder takes its name only when it is complete, so a killed attempt leaves nothing that looks like a database.
    Raises: DiskFull, InitFailed.
    """
    new = server.data.with_name(server.data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    require_space(server.data.parent)
    try:
        _initdb(server, new, durable=durable)
        (new / "pg_hba.conf").write_text(ACCESS)
        _single_user(server, new, "postgres", _roles(secrets))
        _single_user(server, new, DATABASE, _rights())
        new.rename(server.data)
    except errors.InitFailed:
        shutil.rmtree(new, ignore_errors=True)
        require_space(server.data.parent)  # the usual reason, said in its own words
        raise


def require_space(folder: Path, needed_mb: int = NEEDED_MB) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises: DiskFull.
    """
    info = os.statvfs(folder)
    free_mb = info.f_bavail * info.f_frsize // 1_000_000
    if free_mb < needed_mb:
        raise errors.DiskFull(path=folder, free_mb=free_mb, needed_mb=needed_mb)


def _initdb(server: Postgres, data: Path, *, durable: bool) -> None:
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    if server.programs.major() < FIRST_MAJOR_WITH_BUILTIN_LOCALE:
        locale = ["--locale=C.UTF-8"]
    sync = [] if durable else ["--no-sync"]
    words = [*server.programs.command("initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8"]
    _run(server, [*words, "--auth=reject", "--no-instructions", *locale, *sync], "")


def _roles(secrets: Secrets) -> list[str]:
    return [
        f"CREATE ROLE rtp_owner LOGIN CREATEDB PASSWORD '{secrets.owner_password}'",
        f"CREATE ROLE rtp_app LOGIN PASSWORD '{secrets.app_password}'",
        "GRANT pg_monitor TO rtp_owner",
        "GRANT pg_signal_backend TO rtp_owner",
        "GRANT pg_read_all_stats TO rtp_app",  # the relay names who holds the horizon
        f"CREATE DATABASE {DATABASE} OWNER rtp_owner",
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO rtp_owner",
    ]


def _rights() -> list[str]:
    return [
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO rtp_app",
    ]


def _single_user(server: Postgres, data: Path, database: str, statements: list[str]) -> None:
    quiet = ["-c", "log_checkpoints=off", "-c", "log_min_error_statement=panic"]  # statements hold passwords
    words = [*server.programs.command("postgres"), "--single", "-D", str(data), *quiet, database]
    _run(server, words, "".join(f"{statement};\n" for statement in statements))


def _run(server: Postgres, words: list[str], text: str) -> None:
    try:
        answer = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
            umask=0o077,
            **server.programs.identity(),
        )
    except OSError as error:
        raise errors.InitFailed(data=server.data, why=error.strerror or str(error)) from error
    trouble = re.findall(r"(?:ERROR|FATAL|PANIC|error|initdb):.*", answer.stderr)
    if answer.returncode != 0 or any(re.match("ERROR|FATAL|PANIC", line) for line in trouble):
        why = "; ".join(trouble[-3:]) or answer.stderr.strip()[-300:] or f"exit {answer.returncode}"
        raise errors.InitFailed(data=server.data, why=why)
