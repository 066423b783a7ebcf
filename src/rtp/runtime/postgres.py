"""An embedded PostgreSQL server: the wheel's programs, our own initdb, our own command line."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rtp.runtime import adopt, probe
from rtp.runtime.instance import Secrets
from rtp.runtime.pg_binaries import Programs
from rtp.runtime.spawn import spawn
from rtp.runtime.tails import log_end

__all__ = ["Postgres", "log_end"]

DATABASE = "rtp"
STOP: adopt.Steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "jit": "off",  # compiling costs more than the short queries that we send
}


@dataclass(frozen=True)
class Postgres:
    """One server: its programs, data folder, socket folder and log file."""

    programs: Programs
    data: Path
    sockets: Path
    log: Path

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line that only this data folder's server has."""
        return ("-D", str(self.data))

    @property
    def uids(self) -> tuple[int, ...]:
        """Users that the server may run as."""
        return (self.programs.launcher.uid,)

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.sockets / ".s.PGSQL.5432"

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's own pid file."""
        return self.data / "postmaster.pid"

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        """The URL of a role on a database of this server."""
        return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def app_url(self, secrets: Secrets, database: str = DATABASE) -> str:
        """The URL of the application's role."""
        return self.url("rtp_app", secrets.app_password, database)

    def owner_url(self, secrets: Secrets, database: str = DATABASE) -> str:
        """The URL of the owning role."""
        return self.url("rtp_owner", secrets.owner_password, database)

    def command(self, **options: str) -> list[str]:
        """The server's command line; `options` go over ours."""
        words = [*self.programs.command("postgres"), "-D", str(self.data), "-k", str(self.sockets)]
        for name, value in (OPTIONS | options).items():
            words += ["-c", f"{name}={value}"]
        return words

    def start(self, **options: str) -> int:
        """Start the server, after cleaning up, so that it outlives whoever started it; its pid."""
        self.clean()
        return spawn(self.command(**options), log=self.log, env=ENVIRONMENT, identity=self.programs.identity())

    def running(self) -> int | None:
        """The pid of this data folder's live server, or None."""
        try:
            pid = int(self.pid_file.read_text().split("\n")[0])
        except (OSError, ValueError):
            found = adopt.find(self.words, self.uids)
            return found[0] if found else None
        return pid if adopt.is_server(pid, self.words, self.uids) else None

    def ready(self) -> bool:
        """Whether it takes connections."""
        return probe.postgres(self.sockets)

    def clean(self) -> None:
        """Remove what a killed server left: its backends first, then its pid file and socket lock.

        PostgreSQL takes a pid that is a zombie or somebody else's for a running server and would never start again; but
        with the pid file gone it no longer notices backends that still write, so these are ended before.
        """
        if self.running() is not None:
            return
        for pid in adopt.working_in(self.data):
            adopt.end(pid, ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)))
        self.pid_file.unlink(missing_ok=True)
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def stop(self) -> bool:
        """Fast shutdown, then harder; whether it ended."""
        pid = self.running()
        ended = adopt.end(pid, STOP) if pid is not None else True
        if ended:
            self.clean()
        return ended

    @property
    def created(self) -> bool:
        """Whether the data folder holds a database."""
        return (self.data / "PG_VERSION").exists()

    @property
    def major(self) -> int:
        """Major version of the data folder."""
        return int((self.data / "PG_VERSION").read_text().strip().split(".")[0])
