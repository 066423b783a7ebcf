"""The sandbox provider as a process: killed, started again, filled to the brim, asked by strangers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from rtp.kit.money import Money
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderUnavailable
from rtp.payments.http_provider import HttpProvider
from rtp.runtime.errors import ProviderMissing
from rtp.runtime.instance import Instance
from rtp.runtime.site import open_site
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing.provider import Sandbox, running

TEN = Money(1000, "USD")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "instance") as started:
        yield started


@pytest.fixture
async def provider(sandbox: Sandbox) -> AsyncIterator[HttpProvider]:
    adapter = HttpProvider(sandbox.url, sandbox.token)
    yield adapter
    await adapter.close()


async def test_killed_between_journal_and_answer_the_key_finds_the_object_after_the_restart(
    sandbox: Sandbox, provider: HttpProvider
) -> None:
    charge = await provider.charge("c1", TEN, "card_visa", "a month")
    sandbox.kill()
    sandbox.start(failpoint="sandbox.after_journal")
    with pytest.raises(ProviderOutcomeUnknown):
        await provider.refund("r1", charge.ref, TEN, "duplicate")
    assert sandbox.wait() == -signal.SIGKILL
    sandbox.start()
    refund = await provider.retrieve_refund_by_key("r1")
    assert refund is not None
    assert (refund.state, refund.amount) == ("succeeded", TEN)
    assert await provider.refund("r1", charge.ref, TEN, "duplicate") == refund
    assert await provider.list_refunds(LONG_AGO) == [refund]
    assert (await provider.refund("r2", charge.ref, Money(1, "USD"), "duplicate")).state == "failed"


async def test_killed_in_the_middle_of_many_calls_no_answered_one_is_lost_and_none_is_done_twice(
    sandbox: Sandbox, provider: HttpProvider
) -> None:
    answered: dict[str, str] = {}
    reached = {20: asyncio.Event(), 60: asyncio.Event()}

    async def insist(key: str) -> None:
        """As a job does: the same key again until there is an answer."""
        while True:
            try:
                answered[key] = (await provider.charge(key, TEN, "card_visa", "a month")).ref
                if len(answered) in reached:
                    reached[len(answered)].set()
                return
            except (ProviderUnavailable, ProviderOutcomeUnknown):
                await asyncio.sleep(0.05)

    async def kill_twice() -> None:
        for enough in reached.values():
            await enough.wait()
            sandbox.kill()
            await asyncio.to_thread(sandbox.start)

    keys = [f"c{number}" for number in range(100)]
    async with asyncio.timeout(60):
        await asyncio.gather(kill_twice(), *(insist(key) for key in keys))
    charges = await provider.list_charges(LONG_AGO)
    assert sorted(charge.key for charge in charges) == sorted(keys)
    assert {charge.key: charge.ref for charge in charges} == answered


async def test_a_torn_last_line_is_cut_off_and_what_came_before_stays(sandbox: Sandbox, provider: HttpProvider) -> None:
    charge = await provider.charge("c1", TEN, "card_visa", "a month")
    lost = await provider.charge("c2", TEN, "card_visa", "a month")
    sandbox.kill()
    whole = sandbox.journal.read_bytes()
    for cut in (1, 40, 200):
        sandbox.journal.write_bytes(whole[:-cut])
        sandbox.start()
        assert await provider.list_charges(LONG_AGO) == [charge]
        sandbox.kill()
    assert "cut a torn line" in sandbox.log.read_text()
    sandbox.start()
    again = await provider.charge("c2", TEN, "card_visa", "a month")
    assert again.ref != lost.ref
    sandbox.kill()
    sandbox.start()
    assert await provider.list_charges(LONG_AGO) == [charge, again]


async def test_a_damaged_line_before_the_last_keeps_it_from_starting(sandbox: Sandbox, provider: HttpProvider) -> None:
    for key in ("c1", "c2"):
        await provider.charge(key, TEN, "card_visa", "a month")
    sandbox.kill()
    content = sandbox.journal.read_bytes()
    sandbox.journal.write_bytes(b"#" + content)
    sandbox.begin()
    assert sandbox.wait() == 1
    assert "Line 1 of" in sandbox.log.read_text()
    assert sandbox.journal.read_bytes() == b"#" + content


async def test_controls_are_forgotten_by_a_restart_and_held_refunds_are_settled(
    sandbox: Sandbox, provider: HttpProvider
) -> None:
    charge = await provider.charge("c1", TEN, "card_visa", "a month")
    await provider.steer(Control(refunds_pending=True, latency_ms=1))
    await provider.refund("r1", charge.ref, TEN, "duplicate")
    assert (await provider.control()).refunds_pending
    sandbox.kill()
    for _ in range(2):
        sandbox.start()
        assert await provider.control() == Control()
        refund = await provider.retrieve_refund_by_key("r1")
        assert refund is not None
        assert refund.state == "succeeded"
        sandbox.kill()
    assert sandbox.journal.read_text().count('"released"') == 1


async def test_a_second_process_on_the_same_journal_does_not_start(sandbox: Sandbox) -> None:
    other = Sandbox(sandbox.home)
    other.begin()
    assert other.wait() == 1
    assert "Another process already keeps" in sandbox.log.read_text()


async def test_a_taken_port_is_named_and_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    other.port = sandbox.port
    other.begin()
    assert other.wait() == 1
    assert "cannot start: [Errno 98] Address already in use" in other.log.read_text()


async def test_it_ends_at_once_when_asked_though_a_call_hangs(sandbox: Sandbox, provider: HttpProvider) -> None:
    hanging = asyncio.create_task(provider.charge("c1", TEN, "card_times-out-after-success", "a month"))
    async with asyncio.timeout(20):
        while b'"c1"' not in sandbox.journal.read_bytes():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        await asyncio.to_thread(sandbox.stop)
        with pytest.raises(ProviderOutcomeUnknown):
            await hanging


async def test_without_the_token_there_is_nothing_but_health(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as stranger:
        assert (await stranger.get("/health")).json() == {"status": "up"}
        assert (await stranger.get("/health/live")).status_code == 200
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {sandbox.token}"}):
            for method, path in (("GET", "/charges"), ("POST", "/refunds"), ("PUT", "/control"), ("GET", "/none")):
                refused = await stranger.request(method, path, headers=headers, content=b"{}")
                assert (refused.status_code, refused.json()["code"]) == (401, "not_logged_in")
    assert sandbox.journal.read_bytes() == b""
    assert sandbox.journal.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "method, path, content, status",
    [
        ("POST", "/charges", b"", 400),
        ("POST", "/charges", b"\xff\xfe", 400),
        ("POST", "/charges", b'{"amount": {"amount": 10.5, "currency": "USD"}, "card_ref": "card_visa"}', 400),
        ("POST", "/charges", b'{"amount": {"amount": 10, "currency": "XXZ"}, "card_ref": "card_visa"}', 400),
        ("POST", "/charges", b'{"amount": {"amount": 9007199254740992, "currency": "USD"}, "card_ref": "visa"}', 400),
        ("POST", "/charges", b'{"amount": {"amount": 10, "currency": "USD"}, "card_ref": "card_visa", "tip": 1}', 400),
        ("POST", "/refunds", b"[]", 400),
        ("POST", "/cards", b'{"card": null}', 400),
        ("POST", "/cards", b'"' + b"x" * 70_000 + b'"', 413),
        ("PUT", "/control", b'{"fail_rate": 2}', 400),
        ("PUT", "/control", b'{"latency_ms": -1}', 400),
        ("PUT", "/control", b'{"explode": true}', 400),
        ("GET", "/charges?since=yesterday", b"", 400),
        ("GET", "/charges?after=x", b"", 400),
        ("DELETE", "/charges", b"", 404),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_and_leaves_no_trace(
    shared: Sandbox, method: str, path: str, content: bytes, status: int
) -> None:
    headers = {"Authorization": f"Bearer {shared.token}", "Idempotency-Key": "k1"}
    async with httpx.AsyncClient(base_url=shared.url, trust_env=False, headers=headers) as client:
        refused = await client.request(method, path, content=content)
        assert refused.status_code == status, refused.text
        assert (await client.get("/control")).json() == msgspec.to_builtins(Control())
    assert shared.journal.read_bytes() == b""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("shared")) as started:
        yield started


async def test_the_sandbox_is_not_the_provider_of_an_instance_of_class_prod(tmp_path: Path) -> None:
    """Neither does the process start, nor the instance without a real provider."""
    prod = Settings(home=str(tmp_path / "prod"), environment="prod")
    with pytest.raises(ProviderMissing, match="takes no real money"):
        open_site(Instance(prod), prod)
    raised = Settings(home=str(tmp_path / "dev"))
    Instance(raised).prepare()
    with pytest.raises(ProviderMissing):
        open_site(Instance(raised), msgspec.structs.replace(raised, environment="prod"))
    other = Settings(home=str(tmp_path / "other"), environment="prod", provider="stripe")
    assert "RTP_PROVIDER_URL" not in open_site(Instance(other), other).environment()
    sandbox = Sandbox(tmp_path / "process")
    sandbox.begin(environment="prod")
    assert sandbox.wait() == 1
    assert "cannot start: The sandbox takes no real money" in sandbox.log.read_text()
    assert not sandbox.journal.exists()
