"""The guard around a provider: what counts, what is repeated, and what an end means for money."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rtp.kit.breaker import Rules
from rtp.kit.money import Money
from rtp.kit.retry_budget import RetryBudget
from rtp.payments import http_answers
from rtp.payments.errors import (
    CardNotKnown,
    ProviderBusy,
    ProviderDeclined,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderResting,
    ProviderUnavailable,
)
from rtp.payments.fakes import FakeProvider
from rtp.payments.guarded import GuardedProvider, Patience
from rtp.payments.http_provider import TIMEOUT, HttpProvider
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderRefund
from rtp.sandbox.schemas import Control
from rtp.settings import Settings

TEN = Money(1000, "USD")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SOON = Patience(delay=0.001, cap=0.002, deadline=1.0)
Call = Callable[[GuardedProvider], Awaitable[Any]]
MONEY: dict[str, Call] = {
    "charge": lambda provider: provider.charge("k", TEN, "card_visa", "a month"),
    "capture": lambda provider: provider.capture("k", "ch_1", TEN),
    "refund": lambda provider: provider.refund("k", "ch_1", TEN, "duplicate"),
    "submit_evidence": lambda provider: provider.submit_evidence("k", "dp_1", {"terms": "as agreed"}),
    "accept_dispute": lambda provider: provider.accept_dispute("k", "dp_1"),
}
READS: dict[str, Call] = {
    "tokenize": lambda provider: provider.tokenize("visa"),
    "retrieve_charge_by_key": lambda provider: provider.retrieve_charge_by_key("k"),
    "retrieve_refund_by_key": lambda provider: provider.retrieve_refund_by_key("k"),
}
LISTS: dict[str, Call] = {
    "list_charges": lambda provider: provider.list_charges(LONG_AGO),
    "list_refunds": lambda provider: provider.list_refunds(LONG_AGO),
    "list_disputes": lambda provider: provider.list_disputes(LONG_AGO),
}
EVERY = MONEY | READS | LISTS


class Scripted(FakeProvider):
    """Raises what it is told for the next calls, or hangs; then answers."""

    def __init__(self, *ends: Exception | str) -> None:
        super().__init__()
        self.ends = list(ends)
        self.asked = 0

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name not in EVERY:
            return found

        async def call(*given: Any) -> Any:
            self.asked += 1
            end = self.ends.pop(0) if self.ends else ""
            if isinstance(end, Exception):
                raise end
            if end == "hangs":
                await asyncio.Event().wait()
            return f"{name} was done"

        return call


def away(answered: int = 503, **params: Any) -> ProviderUnavailable:
    return ProviderUnavailable(why=f"it answered {answered}", answered=answered, **params)


def spendthrift() -> RetryBudget:
    return RetryBudget(share=100.0)


def guarded(*ends: Exception | str, **rules: Any) -> tuple[GuardedProvider, Scripted]:
    scripted = Scripted(*ends)
    return GuardedProvider(scripted, Rules(**rules), patience=SOON, budget=spendthrift()), scripted


@pytest.mark.parametrize("name", EVERY)
async def test_every_call_goes_through_the_breaker_and_gives_the_answer(name: str) -> None:
    provider, _ = guarded()
    assert await EVERY[name](provider) == f"{name} was done"
    assert provider.breaker.totals == {"fire": 1, "success": 1}


@pytest.mark.parametrize("name", EVERY)
async def test_while_the_breaker_is_open_nothing_is_asked_and_the_caller_learns_when_to_come_back(name: str) -> None:
    provider, scripted = guarded()
    provider.breaker.open()
    with pytest.raises(ProviderResting) as refused:
        await EVERY[name](provider)
    assert scripted.asked == 0
    assert 29 < float(refused.value.retry_after or 0) <= 30
    assert not refused.value.spends_attempt
    problem = refused.value.problem()
    assert (problem.status, problem.retryable, problem.hint) == (503, True, "rtp breakers show provider:sandbox")
    assert "nothing was charged or refunded" in problem.still


@pytest.mark.parametrize("name", MONEY)
async def test_money_that_gets_no_answer_in_time_has_an_unknown_outcome_and_is_not_repeated(name: str) -> None:
    provider, scripted = guarded("hangs", timeout=0.02)
    with pytest.raises(ProviderOutcomeUnknown) as lost:
        await MONEY[name](provider)
    assert lost.value.params["key"] == "k"
    assert scripted.asked == 1
    assert provider.breaker.totals["timeout"] == 1


@pytest.mark.parametrize("name", MONEY)
async def test_money_that_was_surely_not_moved_is_not_repeated_either_as_its_job_does_that(name: str) -> None:
    provider, scripted = guarded(away(), volume=100)
    with pytest.raises(ProviderUnavailable):
        await MONEY[name](provider)
    assert scripted.asked == 1


@pytest.mark.parametrize("name", READS)
async def test_a_question_that_gets_no_answer_in_time_is_as_good_as_not_asked(name: str) -> None:
    provider, _ = guarded("hangs", "hangs", "hangs", timeout=0.02, volume=100)
    with pytest.raises(ProviderUnavailable):
        await READS[name](provider)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_that_does_not_end_within_its_own_time_is_as_good_as_not_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtp.payments.guarded.LIST_SECONDS", 0.02)
    provider, _ = guarded("hangs")
    with pytest.raises(ProviderUnavailable, match=r"no answer within 0\.02 s"):
        await LISTS[name](provider)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_has_a_minute_for_all_of_its_pages_and_not_a_moment_more(name: str) -> None:
    now = [0.0]
    provider = GuardedProvider(Scripted("hangs"), Rules(), monotonic=lambda: now[0])
    asking = asyncio.ensure_future(LISTS[name](provider))
    await asyncio.sleep(0)
    found = {}
    for now[0] in (Rules().timeout, 59.9, 60.0):
        assert provider.breaker.state == ("open" if now[0] == 60.0 else "closed")
        found[now[0]] = provider.breaker.totals["timeout"]
    asking.cancel()
    assert found == {Rules().timeout: 0, 59.9: 0, 60.0: 1}


@pytest.mark.parametrize("name", READS)
async def test_a_question_is_asked_again_within_the_deadline(name: str) -> None:
    provider, scripted = guarded(away(), "hangs", timeout=0.02, volume=100)
    assert await READS[name](provider) == f"{name} was done"
    assert scripted.asked == 3


async def test_a_question_is_asked_three_times_at_most() -> None:
    provider, scripted = guarded(*[away()] * 9, volume=100)
    with pytest.raises(ProviderUnavailable):
        await provider.tokenize("visa")
    assert scripted.asked == 3


async def test_a_question_is_not_repeated_beyond_its_deadline() -> None:
    scripted = Scripted(away(retry_after=5.0))
    provider = GuardedProvider(scripted, Rules(volume=100), patience=SOON, budget=spendthrift())
    with pytest.raises(ProviderUnavailable):
        await provider.tokenize("visa")
    assert scripted.asked == 1


async def test_a_question_is_not_repeated_once_the_breaker_opened() -> None:
    provider, scripted = guarded(away(), away())
    with pytest.raises(ProviderResting):
        await provider.tokenize("visa")
    assert scripted.asked == 1


async def test_of_a_hundred_failing_questions_ten_at_most_are_repeated() -> None:
    scripted = Scripted(*[away()] * 500)
    provider = GuardedProvider(scripted, Rules(volume=1000), patience=SOON)
    for _ in range(100):
        with pytest.raises(ProviderUnavailable):
            await provider.tokenize("visa")
    assert 100 < scripted.asked <= 110


REFUSALS: list[Exception] = [
    ProviderDeclined(reason="no", decline_code="card_declined", decline_class="later", charge_ref="ch_1"),
    ProviderRefused(why="no such card"),
    ProviderKeyReused(key="k"),
    CardNotKnown(card="x", known="visa"),
    away(400),
    away(401),
    away(404),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: f"{type(error).__name__}-{error.params.get('answered')}")
async def test_16_a_proper_refusal_reaches_the_caller_counts_as_success_and_is_not_repeated(error: Exception) -> None:
    provider, scripted = guarded(error)
    with pytest.raises(type(error)):
        await provider.tokenize("visa")
    assert (provider.breaker.totals, scripted.asked) == ({"fire": 1, "success": 1}, 1)


FAILURES: list[Exception] = [
    away(408),
    away(429),
    away(500),
    away(503),
    ProviderUnavailable(why="the connection was refused"),
    ProviderOutcomeUnknown(key="k", why="the connection was lost"),
    ValueError("a bug"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: f"{type(error).__name__}-{error}"[:50])
async def test_16_what_tells_of_a_provider_in_trouble_counts_as_a_failure(error: Exception) -> None:
    provider, _ = guarded(error)
    with pytest.raises(type(error)):
        await provider.refund("k", "ch_1", TEN, "duplicate")
    assert provider.breaker.totals == {"fire": 1, "failure": 1, "open": 1}


@pytest.mark.parametrize("status, after, counts", [(429, "7", True), (401, "", False), (503, "x", True)])
async def test_16_the_adapter_over_http_tells_the_status_and_the_wait(status: int, after: str, counts: bool) -> None:
    answer = httpx.Response(status, headers={"retry-after": after}, json={"code": "not_attempted"})
    with pytest.raises(ProviderUnavailable) as refused:
        http_answers.settled(answer, "k", ProviderRefund)
    assert refused.value.retry_after == (7.0 if after == "7" else None)
    provider, _ = guarded(refused.value)
    with pytest.raises(ProviderUnavailable):
        await provider.refund("k", "ch_1", TEN, "duplicate")
    assert (provider.breaker.state == "open") is counts


async def test_as_many_calls_as_there_are_places_run_at_once_and_the_next_is_told_so() -> None:
    provider, scripted = guarded("hangs", "hangs", capacity=2, volume=100)
    running = [asyncio.create_task(provider.refund(f"k{n}", "ch_1", TEN, "duplicate")) for n in range(2)]
    await asyncio.sleep(0.01)
    with pytest.raises(ProviderBusy) as refused:
        await provider.refund("k", "ch_1", TEN, "duplicate")
    assert (refused.value.spends_attempt, scripted.asked) == (False, 2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await provider.refund("k", "ch_1", TEN, "duplicate")
    assert scripted.asked == 3


async def test_a_closed_guard_asks_nothing_any_more() -> None:
    provider, scripted = guarded()
    await provider.close()
    with pytest.raises(ProviderUnavailable):
        await provider.tokenize("visa")
    assert scripted.asked == 0


async def test_a_provider_that_is_away_opens_the_breaker_and_its_return_closes_it() -> None:
    fake = FakeProvider()
    time = [0.0]
    provider = GuardedProvider(fake, monotonic=lambda: time[0])
    card: ProviderCard = await provider.tokenize("visa")
    charge: ProviderCharge = await provider.charge("c", TEN, card.ref, "a month")
    await fake.steer(Control(down=True))
    for number in range(3):  # 2 of 4 is half, 3 of 5 is more
        with pytest.raises(ProviderUnavailable):
            await provider.refund(f"r{number}", charge.ref, TEN, "duplicate")
    with pytest.raises(ProviderResting):
        await provider.refund("r3", charge.ref, TEN, "duplicate")
    await fake.steer(Control())
    time[0] = 30.0
    assert (await provider.refund("r3", charge.ref, TEN, "duplicate")).state == "succeeded"
    assert provider.breaker.state == "closed"
    assert [one.key for one in await fake.list_refunds(LONG_AGO)] == ["r3"]


@asynccontextmanager
async def silent_peer() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes requests and says nothing; its URL, and what was sent to it."""
    sent: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            sent.append(chunk)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent


@contextmanager
def deaf_port() -> Iterator[str]:
    """The URL of a port whose queue is full, so that no connection comes about."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_over_http_a_request_that_was_sent_and_not_answered_in_time_is_of_unknown_outcome() -> None:
    async with silent_peer() as (url, sent):
        provider = GuardedProvider(HttpProvider(url, "secret"), Rules(timeout=0.3))
        with pytest.raises(ProviderOutcomeUnknown) as lost:
            await provider.refund("r1", "ch_1", TEN, "duplicate")
        assert "0.3 s" in lost.value.message
        assert b"r1" in b"".join(sent)
        assert provider.breaker.state == "open"
        await provider.close()


async def test_over_http_a_connection_that_never_comes_about_is_known_to_have_sent_nothing() -> None:
    with deaf_port() as url:
        adapter = HttpProvider(url, "secret", timeout=httpx.Timeout(5.0, connect=0.2))
        provider = GuardedProvider(adapter, Rules(timeout=3.0))
        with pytest.raises(ProviderUnavailable):
            await provider.refund("r1", "ch_1", TEN, "duplicate")
        await provider.close()


def test_over_http_the_adapter_gives_a_connection_up_before_the_guard_gives_the_call_up() -> None:
    assert (TIMEOUT.connect or 9) + (TIMEOUT.pool or 9) < Rules().timeout == Settings().provider_timeout
