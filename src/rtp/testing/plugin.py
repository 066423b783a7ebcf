"""The fixtures. Servers start only for tests that ask for them; a database is a test's own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.db.engine import Database
from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.db.premises import Premises
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.permissions import LOCAL_OWNER
from rtp.settings import Settings
from rtp.testing import asgi, servers
from rtp.testing.instance import RunningInstance, running
from rtp.testing.keeper import Services
from rtp.testing.pinned import close_sockets, pin_environment
from rtp.testing.servers import Cloned

INSTANT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
"""Monday morning before the trading rooms open in New York: what the pinned clock says."""

for _rules in ("contract", "contract_refunds", "contract_events"):
    pytest.register_assert_rewrite(f"rtp.testing.{_rules}")
OpenFrame = Callable[..., AbstractAsyncContextManager[Frame]]
_runs: list[Path] = []
_ended: list[Any] = []
"""The application of an earlier test, whose routes the next one serves anew."""


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process of a run makes its folder; its workers find it in their environment.

    What is read while tests are collected, as the tree of commands, knows no plugin that somebody trusts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background: what we start would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        _runs.append(servers.begin_run())
        os.environ["RTP_CONFIG_HOME"] = str(_runs[-1] / "config")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the run started."""
    while _runs:
        servers.end_run(_runs.pop())


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Environment, home and network are the same for every test."""
    pin_environment(monkeypatch, tmp_path_factory.mktemp("home"))
    close_sockets(monkeypatch)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still; set `clock.instant` to move it."""
    return FixedClock(INSTANT)


@pytest.fixture(scope="session")
def services() -> Services:
    """PostgreSQL and Valkey of this run, the schema migrated once."""
    return servers.services()


@pytest.fixture
def database(services: Services) -> Iterator[Cloned]:
    """A migrated, empty database of this test's own, by the URLs of both roles."""
    with servers.cloned(services) as clone:
        yield clone


@pytest.fixture
def redis_url(services: Services) -> str:
    """An empty Valkey database that no other process of the run uses."""
    import redis

    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    url = f"{services.redis_url}?db={number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
async def frames(database: Cloned, clock: FixedClock) -> AsyncIterator[Frames]:
    """Makes frames as a server process does, on the test's database and the pinned clock."""
    from rtp_server.state import signing_key

    opened = Database(database.app_url)
    premises = Premises("dev", signing_key(Settings(database_url=database.app_url)))
    yield Frames(opened, clock, premises=premises)
    await opened.close()


@pytest.fixture
def writing(frames: Frames) -> OpenFrame:
    """Opens a frame that commits when its block ends: `async with writing() as frame:`."""

    @asynccontextmanager
    async def open_frame(operation: str = "tests.write", **options: Any) -> AsyncIterator[Frame]:
        known: dict[str, Any] = {"principal": LOCAL_OWNER, "trace": trace.start(), "operation": operation}
        async with frames.writing(**(known | options)) as frame:
            yield frame

    return open_frame


@pytest.fixture
async def frame(frames: Frames) -> AsyncIterator[Frame]:
    """One open frame of the local owner; what the test does in it is rolled back."""
    async with frames.database.writing() as connection:
        yield Frame(
            connection,
            principal=LOCAL_OWNER,
            trace=trace.start(),
            operation="tests.write",
            now=frames.clock.now(),
            ids=frames.ids,
            premises=frames.premises,
        )


@pytest.fixture
def settings(database: Cloned, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a server on the test's own database."""
    return Settings(
        home=str(tmp_path / "instance"),
        database_url=database.app_url,
        database_owner_url=database.owner_url,
        redis_url=redis_url,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[asgi.App]:
    """The real application, started, on the test's own database."""
    from rtp_server.app import create_app

    made: Any = create_app(settings, _ended.pop() if _ended else None)
    async with asgi.started(made):
        yield made
    _ended.append(made)


@pytest.fixture
async def api(app: asgi.App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application as the local owner, over the instance's socket."""
    async with asgi.client(app, socket=True) as client:
        yield client


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """A real `rtp up`, empty at first, shared by the acceptance tests of this process."""
    with running(tmp_path_factory.mktemp("instance")) as started:
        yield started
