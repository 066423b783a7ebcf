"""What the supervisor knows, written to `run/state.json` after every change, and what `rtp status` says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from rtp.errors import ExitCode
from rtp.runtime import errors

State = Literal["starting", "up", "degraded", "down", "external", "backoff"]
Health = Literal["healthy", "degraded", "down"]
WELL = ("up", "external")


class ServiceState(msgspec.Struct, kw_only=True):
    """One service: since when it is in this state, how often it was restarted, and why it is not well."""

    name: str
    state: State = "down"
    pid: int | None = None
    version: str = ""
    since: str = ""
    restarts: int = 0
    detail: str = ""


class Status(msgspec.Struct, kw_only=True):
    """The instance as `rtp status` shows it; `schema` is the database's schema as it was found at the start, or brought
    to since, `started` says that everything was up once."""

    state: Health = "down"
    url: str = ""
    socket: str = ""
    environment: Literal["dev", "staging", "prod"] = msgspec.field(name="class", default="dev")
    home: str = ""
    pid: int | None = None
    schema: str = ""
    started: bool = False
    services: list[ServiceState] = []

    @property
    def exit_code(self) -> ExitCode:
        """0 healthy, 10 degraded, 13 down."""
        return {"healthy": ExitCode.OK, "degraded": ExitCode.CHECK_FAILED}.get(self.state, ExitCode.UNREACHABLE)


def health(services: list[ServiceState]) -> Health:
    """Healthy if every service is, down if none runs."""
    if not services or all(service.state == "down" for service in services):
        return "down"
    return "healthy" if all(service.state in WELL for service in services) else "degraded"


def now() -> str:
    """This instant, as it stands in the state file."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Board:
    """The state of all services, written at each change and told to whoever listens."""

    def __init__(self, path: Path, status: Status) -> None:
        self.status = status
        self.late = False
        self._path = path
        self._listeners: list[Callable[[ServiceState], None]] = []

    def listen(self, listener: Callable[[ServiceState], None]) -> None:
        """Call `listener` after each change."""
        self._listeners.append(listener)

    def add(self, name: str, version: str = "") -> None:
        """Add a service, in the order of the list."""
        self.status.services.append(ServiceState(name=name, version=version, since=now()))

    def get(self, name: str) -> ServiceState:
        """The row of a service."""
        return next(service for service in self.status.services if service.name == name)

    def set(
        self, name: str, state: State, *, pid: int | None = None, detail: str = "", restarted: bool = False
    ) -> None:
        """Record a service's state; nothing is written if nothing changed."""
        row = self.get(name)
        if (row.state, row.pid, row.detail, restarted) == (state, pid, detail, False):
            return
        if row.state != state or row.pid != pid:
            row.since = now()
        row.state, row.pid, row.detail = state, pid, detail
        row.restarts += restarted
        self.write()
        for listener in self._listeners:
            listener(row)

    def write(self) -> None:
        """Replace the state file, or note that it is `late`: on a full disk what runs does not end for want of it."""
        self.status.state = health(self.status.services)
        try:
            self._replace()
            self.late = False
        except OSError as error:
            if error.errno not in errors.FULL:
                raise
            self.late = True

    def _replace(self) -> None:
        """Atomically; it is worth nothing after a power cut, so it is not synced."""
        temporary = self._path.with_name(f".{self._path.name}.new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.status)) + b"\n")
        os.replace(temporary, self._path)


def read(path: Path) -> Status | None:
    """The last written state, or None."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None
