"""Races at the refund desk of a real platform: three API processes over TCP, as requests of one process never meet."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.client import Client, Target
from rtp.testing.instance import RunningInstance, running
from tests.refunds.test_bulk_kills import stocked
from tests.refunds.test_kills import money_holds, provider_refunds, settled

pytestmark = pytest.mark.prove("races")
REQUESTS = 1000
PROCESSES = 3
CONNECTIONS = 60
MEMBERS = 20


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    with running(tmp_path, RTP_API_PROCESSES=str(PROCESSES)) as started:
        yield started


@pytest.fixture
def payments(platform: RunningInstance) -> list[str]:
    """Captured payments of 100.00, each of another member."""
    with Client(Target(name="local", url=platform.url, token=platform.token), timeout=60) as client:
        return stocked(platform, client, MEMBERS)


@asynccontextmanager
async def connected(platform: RunningInstance, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client with connections of its own, kept open."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"Authorization": f"Bearer {token or platform.token}"}
    async with httpx.AsyncClient(base_url=platform.url, headers=headers, limits=limits, timeout=300) as client:
        yield client


async def answered(client: httpx.AsyncClient, payment: str, key: str, **asked: Any) -> httpx.Response:
    """What a client does: while it is told that it may, it sends the same again."""
    body = {"amount": 1000, "reason": "duplicate", **asked}
    for attempt in count(1):
        answer = await client.post(f"/v1/payments/{payment}/refunds", json=body, headers={"Idempotency-Key": key})
        if answer.status_code == 201 or not answer.json().get("retryable"):
            break
        await asyncio.sleep(0.2 * attempt)
    return answer


@asynccontextmanager
async def every_process_is_asked(platform: RunningInstance) -> AsyncIterator[None]:
    """See to it that each API process has connections of clients' at some time during the block."""
    services = platform.json("status")["services"]
    pids = {service["pid"] for service in services if service["name"].startswith("api")}
    assert len(pids) == PROCESSES
    seen: set[int] = set()

    async def watch() -> None:
        while seen != pids:
            seen.update(pid for pid in pids if _connected(pid, httpx.URL(platform.url).port))
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()
    assert seen == pids


def _connected(pid: int, port: int | None) -> bool:
    """Whether a process has an established connection at a port, as /proc tells."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    at_port = {f"socket:[{row[9]}]" for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == port}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was read
            if str(descriptor.readlink()) in at_port:
                return True
    return False


def returned(platform: RunningInstance) -> list[int]:
    """What went back, once nothing is under way: here and at the provider the same, and every rule of money holds."""
    ours = settled(platform)
    assert {item["state"] for item in ours} == {"succeeded"}
    theirs = provider_refunds(platform)
    assert sorted((one.key, one.amount.amount) for one in theirs) == sorted(
        (item["id"], item["amount"]["amount"]) for item in ours
    )
    money_holds(platform)
    return [item["amount"]["amount"] for item in ours]


async def test_requests_with_one_key_at_many_processes_have_one_effect_and_one_body(
    platform: RunningInstance, payments: list[str]
) -> None:
    async with connected(platform) as client, every_process_is_asked(platform):
        answers = await asyncio.gather(*(answered(client, payments[0], "one") for _ in range(REQUESTS)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await asyncio.to_thread(returned, platform) == [1000]


async def test_equal_refunds_under_other_keys_at_many_processes_are_one_and_the_rest_are_refused_as_repeats(
    platform: RunningInstance, payments: list[str]
) -> None:
    async with connected(platform) as client, every_process_is_asked(platform):
        answers = await asyncio.gather(*(answered(client, payments[0], f"k{n}") for n in range(REQUESTS)))
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "refund_repeated": REQUESTS - 1}
    assert await asyncio.to_thread(returned, platform) == [1000]


async def test_two_hundred_refunds_at_many_processes_never_pass_the_daily_limit_of_a_member_of_staff(
    platform: RunningInstance, payments: list[str]
) -> None:
    free = [{"role": role, "currency": "USD"} for role in ("operator", "owner", "local", "token")]
    limits = [{"role": "support", "currency": "USD", "day": 5000}, *free]
    async with connected(platform) as owner:
        assert (await owner.put("/v1/refund-policy", json={"limits": limits})).status_code == 200
        sam = {"email": "sam@example.com", "name": "Sam", "role": "support"}
        assert (await owner.post("/v1/staff", json=sam)).status_code == 201
        asked = {"name": "desk", "role": "support", "staff": "sam@example.com"}
        tokens = [(await owner.post("/v1/tokens", json=asked)).json()["token"] for _ in range(2)]
    async with (
        connected(platform, tokens[0]) as one,
        connected(platform, tokens[1]) as other,
        every_process_is_asked(platform),
    ):
        meant = [answered((one, other)[n % 2], payments[n % MEMBERS], f"k{n}", amount=100, again=True)
                 for n in range(200)]  # fmt: skip
        answers = await asyncio.gather(*meant)
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 50, "refund_over_limit": 150}
    assert sum(await asyncio.to_thread(returned, platform)) == 5000
