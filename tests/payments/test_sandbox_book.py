"""The sandbox's rules under any order of calls, and the same book read back from what it recorded."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments.errors import ProviderKeyReused, ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_cards import CARDS
from rtp.payments.sandbox_entries import Entry
from rtp.payments.sandbox_mishaps import Failing
from rtp.sandbox.schemas import Control

BEGIN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FEW = st.integers(0, 3)

charges = st.tuples(st.just("charge"), FEW, st.integers(1, 500), st.sampled_from(sorted(CARDS)))
refunds = st.tuples(st.just("refund"), st.integers(0, 9), st.integers(1, 300), FEW)
controls = st.tuples(
    st.just("steer"),
    st.booleans(),
    st.sampled_from([0, 50_000]),
    st.sampled_from(["", "card_account_closed"]),
)
disputes = st.tuples(st.sampled_from(["dispute", "answer", "accept"]), FEW, st.integers(0, 9), st.just(0))
captures = st.tuples(st.just("capture"), FEW, st.integers(1, 600), st.sampled_from(sorted(CARDS)))
waits = st.tuples(st.just("wait"), st.integers(1, 60), st.just(0), st.just(0))


def run(book: Book, clock: FixedClock, step: tuple[object, ...]) -> None:
    match step:
        case ("charge", int(key), int(amount), str(card)):
            book.charge(f"c{key}", Money(amount, "USD"), CARDS[card].ref, "")
        case ("capture", int(key), int(amount), str(card)):
            reserved, _ = book.charge(f"a{key}", Money(500, "USD"), CARDS[card].ref, "", capture=False)
            book.capture(f"c:a{key}", reserved.ref, Money(amount, "USD"))
        case ("refund", int(key), int(amount), int(number)):
            charge = book.charge_of(f"c{number}")
            book.refund(f"r{key}", charge.ref if charge else "ch_none", Money(amount, "USD"), "")
        case _:
            run_beside(book, clock, step)


def run_beside(book: Book, clock: FixedClock, step: tuple[object, ...]) -> None:
    match step:
        case ("dispute", int(key), int(number), _):
            if charge := book.charge_of(f"c{key}"):
                book.disputes.open(charge, "general", None, f"d{number}")
        case ("answer" | "accept" as act, int(key), int(number), _):
            for dispute in [one for one in book.disputes_since(LONG_AGO) if one.key == f"c{key}"]:
                if act == "accept":
                    book.accept_dispute(f"x{number}", dispute.ref)
                else:
                    book.submit_evidence(f"e{number}", dispute.ref, {"receipt": "losing_evidence" if key else "x"})
        case ("steer", bool(held), int(delay), str(failure)):
            slow = Control(refunds_pending=held, refund_delay_ms=delay, refund_failure=failure)
            book.steer(
                msgspec.structs.replace(slow, charges_pending=held, charge_delay_ms=delay, dispute_delay_ms=delay)
            )
        case ("wait", int(seconds), _, _):
            clock.instant += timedelta(seconds=seconds)


@example([("charge", 0, 100, "visa"), ("refund", 0, 60, 0), ("refund", 1, 60, 0)])
@settings(deadline=None)
@given(st.lists(st.one_of(charges, captures, refunds, disputes, controls, waits), max_size=40))
def test_whatever_is_asked_no_charge_returns_more_than_it_took_and_the_record_tells_it_all(
    steps: list[tuple[object, ...]],
) -> None:
    clock = FixedClock(BEGIN)
    recorded: list[bytes] = []
    book = Book(clock, lambda entry: recorded.append(msgspec.json.encode(entry)))
    for step in steps:
        with suppress(ProviderKeyReused, ProviderRefused, ProviderOutcomeUnknown):
            run(book, clock, step)
        for charge in book.charges(LONG_AGO):
            returned = sum(one.amount.amount for one in book.record.refunds_of(charge.ref) if one.state != "failed")
            lost = sum(one.amount.amount for one in book.record.disputes_of(charge.ref) if one.state == "lost")
            assert returned + lost <= charge.captured.amount <= charge.amount.amount
            assert charge.fee <= charge.captured
            assert (charge.state == "succeeded") == bool(charge.captured)
    again = Book(clock)
    for line in recorded:
        again.record.apply(msgspec.json.decode(line, type=Entry))
    assert again.charges(LONG_AGO) == book.charges(LONG_AGO)
    assert again.refunds(LONG_AGO) == book.refunds(LONG_AGO)
    assert again.disputes_since(LONG_AGO) == book.disputes_since(LONG_AGO)
    assert again.record.events == book.record.events


def test_a_delayed_refund_succeeds_when_its_time_has_come_and_stays_so_in_the_record(clock: FixedClock) -> None:
    recorded: list[Entry] = []
    book = Book(clock, recorded.append)
    charge, _ = book.charge("c1", Money(1000, "USD"), "card_visa", "")
    book.steer(Control(refund_delay_ms=60_000))
    assert book.refund("r1", charge.ref, Money(1000, "USD"), "")[0].state == "pending"
    states = []
    for _ in range(3):
        clock.instant += timedelta(seconds=30)
        found = book.refund_of("r1")
        assert found is not None
        states.append(found.state)
    assert states == ["pending", "succeeded", "succeeded"]
    assert len(recorded) == 3, [type(entry).__name__ for entry in recorded]


def test_an_entry_that_cannot_be_recorded_did_not_happen(clock: FixedClock) -> None:
    def full(entry: Entry) -> None:
        raise OSError("no space left")

    book = Book(clock, full)
    with pytest.raises(OSError, match="no space left"):
        book.charge("c1", Money(1000, "USD"), "card_visa", "")
    assert book.charge_of("c1") is None


@pytest.mark.parametrize("rate, failed", [(0.0, 0), (0.1, 10), (1 / 3, 33), (0.5, 50), (1.0, 100)])
def test_failures_are_spread_evenly_over_the_calls(rate: float, failed: int) -> None:
    failing = Failing()
    assert sum(failing.next(rate) for _ in range(100)) == failed


def test_a_control_ends_by_itself_also_when_whoever_set_it_is_dead(clock: FixedClock) -> None:
    book = Book(clock)
    charge, _ = book.charge("c", Money(500, "USD"), CARDS["visa"].ref, "")
    book.steer(Control(latency_ms=300, refunds_pending=True, ttl_seconds=60))
    book.refund("r", charge.ref, Money(500, "USD"), "")
    clock.instant += timedelta(seconds=59)
    assert book.control.latency_ms == 300
    clock.instant += timedelta(seconds=1)
    assert book.control == Control()
    assert [refund.state for refund in book.refunds(LONG_AGO)] == ["succeeded"]


def test_no_more_is_disputed_than_was_captured_and_not_lost_before(clock: FixedClock) -> None:
    book = Book(clock)
    charge, _ = book.charge("c", Money(500, "USD"), CARDS["visa"].ref, "")
    with pytest.raises(ProviderRefused, match=r"5\.00 USD of the charge can be disputed, not 5\.01 USD"):
        book.disputes.open(charge, "general", Money(501, "USD"))
    lost = book.disputes.open(charge, "general", Money(400, "USD"))
    book.accept_dispute("a", lost.ref)
    with pytest.raises(ProviderRefused, match=r"1\.00 USD of the charge can be disputed, not 1\.01 USD"):
        book.disputes.open(charge, "general", Money(101, "USD"))
    assert book.disputes.open(charge, "general", Money(100, "USD")).amount == Money(100, "USD")


def test_a_dispute_that_nobody_answers_is_lost_when_its_time_is_over(clock: FixedClock) -> None:
    book = Book(clock)
    book.steer(Control(dispute_days=2))
    book.charge("c", Money(500, "USD"), CARDS["disputed"].ref, "")
    clock.instant += timedelta(days=2) - timedelta(seconds=1)
    assert [one.state for one in book.disputes_since(LONG_AGO)] == ["needs_response"]
    clock.instant += timedelta(seconds=1)
    assert [one.state for one in book.disputes_since(LONG_AGO)] == ["lost"]
    assert [event.type for event in book.record.events.values()] == [
        "charge.succeeded", "dispute.opened", "dispute.closed"
    ]  # fmt: skip


def test_a_review_takes_its_time_and_its_end_is_told(clock: FixedClock) -> None:
    book = Book(clock)
    book.steer(Control(dispute_delay_ms=60_000, dispute_outcome="lost"))
    book.charge("c", Money(500, "USD"), CARDS["disputed"].ref, "")
    [dispute] = book.disputes_since(LONG_AGO)
    book.submit_evidence("e", dispute.ref, {"receipt": "x"})
    clock.instant += timedelta(days=30)
    assert [one.state for one in book.disputes_since(LONG_AGO)] == ["lost"]
    told = list(book.record.events.values())
    assert [event.type for event in told[1:]] == ["dispute.opened", "dispute.updated", "dispute.closed"]
    assert told[-1].created_at == BEGIN + timedelta(minutes=1)


def test_money_that_settles_while_the_disk_is_full_settles_later(clock: FixedClock) -> None:
    full = False

    def keep(entry: Entry) -> None:
        if full:
            raise OSError("no space left")

    book = Book(clock, keep)
    book.steer(Control(charge_delay_ms=1_000))
    book.charge("c", Money(500, "USD"), CARDS["visa"].ref, "")
    clock.instant += timedelta(seconds=1)
    full = True
    with pytest.raises(OSError, match="no space left"):
        book.charge_of("c")
    full = False
    found = book.charge_of("c")
    assert found is not None
    assert found.state == "succeeded"
    assert len(book.record.events) == 1
