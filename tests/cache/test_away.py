"""Valkey killed under way: the same answers from the database, and the cache again once it is back."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.cache.service import PAUSE_SECONDS
from rtp.runtime.valkey import Valkey, program
from rtp.settings import Settings
from rtp.testing import asgi
from rtp.testing.servers import Cloned

CATALOG = {
    "products": [
        {
            "key": "room",
            "name": "Room",
            "kind": "room",
            "prices": [{"key": "room-monthly", "amount": {"amount": 19700, "currency": "USD"}, "interval": "month"}],
        }
    ]
}
PATHS = ("/v1/products", "/v1/products/room", "/v1/prices", "/v1/prices/room-monthly")


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    folder = Path(tempfile.mkdtemp(prefix="rtp-vk-"))
    server = Valkey(program(), folder, folder / "valkey.pid", folder / "valkey.log")
    start(server)
    yield server
    server.stop()
    shutil.rmtree(folder)


def start(server: Valkey) -> None:
    server.start()
    while not server.ready():
        pass


@pytest.fixture
async def own(database: Cloned, valkey: Valkey, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    from rtp_server.app import create_app

    settings = Settings(home=str(tmp_path), database_url=database.app_url, redis_url=valkey.url)
    made: Any = create_app(settings)
    async with asgi.started(made), asgi.client(made, socket=True) as client:
        yield client, made.state.cache


async def test_valkey_killed_under_way_changes_no_answer_and_its_return_is_noticed(
    own: tuple[httpx.AsyncClient, Any], valkey: Valkey
) -> None:
    api, cache = own
    assert (await api.put("/v1/catalog", json=CATALOG)).status_code == 200
    before = [(await api.get(path)).json() for path in PATHS]
    assert valkey.stop()
    for _ in range(3):
        assert [(await api.get(path)).json() for path in PATHS] == before
    line = await doctor(api)
    assert (line["state"], line["fix"]) == ("warning", "rtp status")
    for method, path in (("GET", "/v1/cache/stats"), ("POST", "/v1/cache/tags/products/purge")):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (503, "cache_unavailable")
    answer = await api.post("/v1/cache/warm", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "cache_unavailable")

    start(valkey)
    cache._rests_until -= PAUSE_SECONDS
    assert [(await api.get(path)).json() for path in PATHS] == before
    assert [(await api.get(path)).json() for path in PATHS] == before
    stats = (await api.get("/v1/cache/stats")).json()
    assert sum(one["hits"] for one in stats["classes"]) == 4
    assert sum(one["errors"] for one in stats["classes"]) >= 12
    assert (await doctor(api))["state"] == "ok"


async def test_valkey_that_hangs_holds_up_one_request_and_not_the_others(
    own: tuple[httpx.AsyncClient, Any], valkey: Valkey
) -> None:
    """Stopped, it takes connections and never answers: timeouts end the one wait, the pause spares the others."""
    api, cache = own
    await api.put("/v1/catalog", json=CATALOG)
    before = [(await api.get(path)).json() for path in PATHS]
    waited: list[str] = []
    look = cache.store.look

    async def counted(key: str, *rest: Any) -> Any:
        waited.append(key)
        return await look(key, *rest)

    cache.store.look = counted
    now = time.monotonic()
    cache._monotonic = lambda: now  # the pause does not end while the test is slow
    pid = valkey.running()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        assert [(await api.get(path)).json() for path in PATHS] == before
    finally:
        os.kill(pid, signal.SIGCONT)
    assert len(waited) == 1


async def test_without_a_cache_everything_is_read_from_the_database_and_said_so(
    database: Cloned, tmp_path: Path
) -> None:
    from rtp_server.app import create_app

    made: Any = create_app(Settings(home=str(tmp_path), database_url=database.app_url))
    async with asgi.started(made), asgi.client(made, socket=True) as api:
        await api.put("/v1/catalog", json=CATALOG)
        assert (await api.get("/v1/prices/room-monthly")).json()["amount"]["amount"] == 19700
        assert (await api.get("/v1/cache/stats")).json() == {"state": "off", "classes": []}
        assert (await doctor(api))["detail"] == "none is used: RTP_REDIS_URL is not set"
        for method, path in (
            ("GET", "/v1/cache/entries/k"),
            ("POST", "/v1/cache/tags/products/purge"),
        ):
            answer = await api.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (422, "cache_off")
        answer = await api.post("/v1/cache/warm", json={})
        assert (answer.status_code, answer.json()["code"]) == (422, "cache_off")


async def doctor(api: httpx.AsyncClient) -> dict[str, Any]:
    checks = (await api.get("/v1/doctor")).json()["checks"]
    return next(dict(check) for check in checks if check["name"] == "cache")
