"""The kinds of process that `rtp up` keeps running, as a table of rows."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import rtp
from rtp.runtime import adopt, errors, pg_create, postgres, probe, tied, valkey
from rtp.runtime.forked import GENTLY, UNANSWERED, ForkedService, WorkerService
from rtp.runtime.forked import reap as reap
from rtp.runtime.preloader import Preloader
from rtp.runtime.site import Site, python
from rtp.runtime.spawn import spawn
from rtp.runtime.tails import tail

PROVIDER = "rtp.payments.sandbox"
LONGEST_LINE = 300


class Service(Protocol):
    """One process that is kept running."""

    name: str
    version: str
    stop_steps: adopt.Steps
    why: str
    """What is wrong with it while it is degraded."""

    async def start(self) -> int:
        """Start it, or adopt it where it still runs; its pid."""
        ...

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """How it does, asked of itself; called in a thread."""
        ...

    def log(self) -> Path:
        """Its log file."""
        ...

    async def exit_code(self, pid: int) -> int | None:
        """How it ended, negative for a signal; None if only its parent can know."""
        ...


class Child:
    """What is, or may be, a child of the supervisor."""

    why = UNANSWERED

    async def exit_code(self, pid: int) -> int | None:
        """Its exit code, which also takes the zombie away; None for one that was adopted."""
        return reap(pid)


class PostgresService(Child):
    """PostgreSQL, created on the first start."""

    name = "postgres"
    stop_steps = postgres.STOP

    def __init__(self, site: Site) -> None:
        assert site.postgres is not None
        self.server = site.postgres
        self.site = site
        self.version = self.server.programs.version()

    async def start(self) -> int:
        """Adopt, or create and start."""
        if (pid := self.server.running()) is not None:
            if self.server.socket.exists():
                return pid
            await asyncio.to_thread(self.server.stop)  # nobody can reach it any more
        if not self.server.created:
            secrets = self.site.instance.secrets()
            await asyncio.to_thread(pg_create.create, self.server, secrets, durable=self.site.durable)
        pg_create.require_space(self.server.data, errors.NEEDED_TO_RUN_MB)
        return self.server.start()

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Whether it takes connections."""
        return "up" if self.server.ready() else "degraded"

    def log(self) -> Path:
        """The server's own log."""
        return self.server.log


class ValkeyService(Child):
    """Valkey, the cache."""

    name = "valkey"
    stop_steps = valkey.STOP

    def __init__(self, site: Site) -> None:
        assert site.valkey is not None
        self.server = site.valkey
        self.version = valkey.version(self.server.program)

    async def start(self) -> int:
        """Adopt or start."""
        if (pid := self.server.running()) is not None:
            if self.server.socket.exists():
                return pid
            await asyncio.to_thread(self.server.stop)  # nobody can reach it any more
        return self.server.start()

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Whether it answers PING."""
        return "up" if self.server.ready() else "degraded"

    def log(self) -> Path:
        """The server's own log."""
        return self.server.log


class TiedService(Child):
    """A Python module as a child that ends with the supervisor."""

    version = rtp.__version__
    stop_steps = GENTLY

    def __init__(self, site: Site, name: str, module: str) -> None:
        self.site = site
        self.name = name
        self.module = module

    def words(self) -> tuple[str, ...]:
        """What its command line, and only its, contains."""
        return (*tied.words(str(self.site.instance.home)), self.module)

    def spawn(self, *rest: str, keep: tuple[int, ...] = ()) -> int:
        """Start the module, after ending what an earlier supervisor left of it; its pid."""
        for pid in adopt.find(self.words()):
            adopt.end(pid, GENTLY)
        words = python("rtp.runtime.tied", "--home", str(self.site.instance.home), str(os.getpid()), self.module, *rest)
        return spawn(words, log=self.log(), env=self.site.environment(), keep=keep)

    def log(self) -> Path:
        """Where its output goes."""
        return self.site.instance.logs / f"{self.name}.log"


class ProviderService(TiedService):
    """The sandbox payment provider."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "provider", PROVIDER)

    async def start(self) -> int:
        """Start it on its port."""
        return self.spawn("--port", str(self.site.provider_port))

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Whether it answers HTTP."""
        return "up" if probe.http_status(self.site.provider_url, "/health/live") else "degraded"


class PreloaderService(TiedService):
    """The child that has imported the server and forks API and worker."""

    def __init__(self, site: Site, preloader: Preloader) -> None:
        super().__init__(site, "preloader", "rtp_server.processes")
        self.preloader = preloader

    async def start(self) -> int:
        """Start it with its end of the control pair and the listening sockets."""
        with self.preloader.connect() as theirs:
            numbers = (theirs.fileno(), *(listener.fileno() for listener in self.site.listeners))
            return self.spawn(*map(str, numbers), keep=numbers)

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Whether it has imported the server."""
        return "up" if self.preloader.loaded.is_set() else "starting"


@dataclass(frozen=True)
class Row:
    """One kind of process: the module it needs, whether a setting replaces it, and how its services are made."""

    name: str
    module: str
    external: Callable[[Site], bool]
    build: Callable[[Site, Preloader], list[Service]]


def _apis(site: Site, preloader: Preloader) -> list[Service]:
    names = ["api", *(f"api-{number}" for number in range(2, site.settings.api_processes + 1))]
    return [ForkedService(site, preloader, name, "api") for name in names]


ROWS = (
    Row("postgres", "", lambda site: site.postgres is None, lambda site, _: [PostgresService(site)]),
    Row("valkey", "", lambda site: site.valkey is None, lambda site, _: [ValkeyService(site)]),
    Row(
        "provider",
        PROVIDER,
        lambda site: not site.has_sandbox or bool(site.settings.provider_url),
        lambda site, _: [ProviderService(site)],
    ),
    Row("preloader", "rtp_server.app", lambda _: False, lambda site, pre: [PreloaderService(site, pre)]),
    Row("api", "rtp_server.app", lambda _: False, _apis),
    Row("worker", "rtp_server.worker", lambda _: False, lambda site, pre: [WorkerService(site, pre)]),
)
STOP_STAGES = (("api",), ("worker",), ("provider", "preloader"), ("valkey", "postgres"))
"""Who is ended together: nobody before those who still need him."""


def available(row: Row) -> bool:
    """Whether the row's module is installed."""
    if not row.module:
        return True
    try:
        return importlib.util.find_spec(row.module) is not None
    except ModuleNotFoundError:
        return False


def failure(service: Service, why: str) -> errors.ServiceDidNotStart:
    """Why a service did not start, with the end of its log."""
    end = " | ".join(line.strip()[-LONGEST_LINE:] for line in tail(service.log(), 2))
    return errors.ServiceDidNotStart(service=service.name, why=f"{why}; its log ends: {end}" if end else why)
