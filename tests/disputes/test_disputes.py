"""Disputes on the real application and database: taken in, answered, ended, and what the books say."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from rtp.disputes import answering
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.errors import ProviderOther, ProviderOutcomeUnknown
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderDispute
from rtp.permissions import LOCAL_OWNER
from rtp.sandbox.schemas import Control
from rtp.testing import money, relay
from rtp_server import work
from tests.disputes.objections import ALL_JOBS, Objections


async def test_an_open_dispute_withholds_its_amount_and_no_refund_is_issued(desk: Objections) -> None:
    payment = await desk.pay((1000, 250))
    dispute = await desk.read(f"disputes/{await desk.object(payment)}")
    assert (dispute["state"], dispute["amount"]["amount"], dispute["left"]) == ("needs_response", 1250, "7 d 0 h")
    assert dispute["next"] == f"rtp disputes evidence {dispute['id']}"
    answer = await desk.issue(payment, amount=100)
    assert (answer.status_code, answer.json()["code"]) == (422, "payment_disputed")
    assert (await desk.balances())["disputes"] == 1250
    await desk.books_hold()


async def test_a_repeated_event_opens_one_dispute(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment)
    events = [event for event in desk.provider.events() if event.type == "dispute.opened"]
    for number in range(3):
        await desk.post(msgspec.structs.replace(events[0], id=f"evt_again_{number}"))
    await desk.work()
    assert [one["id"] for one in (await desk.read("disputes"))["items"]] == [key]
    assert len((await desk.read("events", aggregate=key))["items"]) == 1
    await desk.books_hold()


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_evidence_is_handed_in_once_and_the_outcome_stands_in_the_books(desk: Objections, outcome: Any) -> None:
    payment = await desk.pay((1000, 250))
    key = await desk.object(payment)
    desk.provider.book.steer(Control(dispute_outcome=outcome))
    answer = await desk.do(f"disputes/{key}/evidence", {"parts": {"statement": "she trained daily"}})
    assert (answer.status_code, answer.json()["answer_state"]) == (200, "queued")
    again = await desk.do(f"disputes/{key}/evidence", {"parts": {}})
    assert (again.status_code, again.json()["code"]) == (422, "dispute_answered")
    await desk.work()
    under = await desk.read(f"disputes/{key}")
    assert (under["state"], under["answer_state"]) == ("under_review", "sent")
    assert under["evidence"]["statement"] == "she trained daily"
    assert payment.id in under["evidence"]["order"]
    desk.provider.book.catch_up()
    await desk.tell()
    await desk.work()
    ended = await desk.read(f"disputes/{key}")
    assert ended["state"] == outcome
    balances = await desk.balances()
    assert "disputes" not in balances
    after = await desk.payment(payment)
    if outcome == "won":
        assert (after["refundable"]["amount"], after["disputed"]) == (1250, False)
        assert "dispute losses" not in balances
    else:
        assert (after["refundable"]["amount"], after["disputed"]) == (0, False)
        assert (balances["dispute losses"], ended["tax"]["amount"]) == (1000, 250)
        assert "tax payable" not in balances
    await desk.books_hold()


async def test_giving_in_loses_the_dispute_and_is_final(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment, 400)
    assert (await desk.do(f"disputes/{key}/accept")).status_code == 200
    await desk.work()
    ended = await desk.read(f"disputes/{key}")
    assert (ended["state"], ended["answer"], ended["answer_state"]) == ("lost", "accept", "sent")
    assert (await desk.payment(payment))["refundable"]["amount"] == 600
    refused = await desk.do(f"disputes/{key}/evidence", {"parts": {}})
    assert refused.json()["code"] == "illegal_dispute_move"
    over = await desk.issue(payment, amount=601)
    assert over.json()["code"] == "refund_exceeds_captured"
    assert (await desk.issue(payment, amount=600)).status_code == 201
    await desk.work()
    await desk.books_hold()


async def test_a_chargeback_larger_than_what_is_left_is_recorded_and_leaves_nothing_to_refund(
    desk: Objections,
) -> None:
    """The vector R2 of Polar's suite: a dispute of 1050 + 300 on 1000 + 250."""
    payment = await desk.pay((1000, 250))
    charge = await desk.provider.retrieve_charge_by_key(payment.id)
    assert charge is not None
    lost = ProviderDispute(
        ref="dp_large", key=payment.id, charge_ref=charge.ref, amount=Money(1350, "USD"), reason="general",
        state="lost", due_by=charge.created_at, created_at=charge.created_at,
    )  # fmt: skip
    from rtp.testing import webhooks

    await desk.post(webhooks.event(lost, type="dispute.closed"))
    await desk.work()
    [dispute] = (await desk.read("disputes"))["items"]
    assert (dispute["state"], dispute["amount"]["amount"], dispute["tax"]["amount"]) == ("lost", 1350, 250)
    assert (await desk.payment(payment))["refundable"]["amount"] == 0
    await desk.books_hold()


async def test_an_answer_that_is_lost_is_sent_again_under_its_own_key(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment)
    await desk.do(f"disputes/{key}/accept")
    desk.provider.book.steer(Control(lost_answer_rate=1.0))
    with pytest.raises(ProviderOutcomeUnknown):
        await desk.work()
    desk.provider.book.steer(Control())
    await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    await desk.work()
    assert (await desk.read(f"disputes/{key}"))["state"] == "lost"
    assert [name for kind, name in desk.provider.book.record.calls if kind == "accept"] == [f"{key}:1"]
    await desk.books_hold()


async def test_an_answer_that_the_provider_refuses_can_be_given_anew(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment)
    [theirs] = desk.provider.book.disputes_since(payment.created_at)
    await desk.provider.accept_dispute("by hand, at the provider".replace(" ", "-"), theirs.ref)
    await desk.do(f"disputes/{key}/evidence", {"parts": {}})
    await desk.work()
    refused = await desk.read(f"disputes/{key}")
    assert (refused["answer_state"], refused["state"]) == ("refused", "needs_response")
    assert "the dispute is lost" in refused["answer_error"]
    assert [one["id"] for one in (await desk.read("today"))["disputes"]] == [key], "somebody has to answer still"
    kinds = [event["type"] for event in (await desk.read("events", aggregate=key))["items"]]
    assert kinds == ["dispute.answer_refused", "dispute.answer_queued", "dispute.opened"]
    await desk.do(f"disputes/{key}/accept")
    async with desk.frames.reading(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        assert await answering.asked(frame, key, 1) is None, "another answer took its place"
        assert await answering.asked(frame, key, 2) is not None
    locks = await desk.sql("SELECT lock FROM procrastinate_jobs WHERE task_name = 'disputes.answer'")
    assert {row.lock for row in locks} == {key}, "one answer to a dispute at a time"
    await desk.tell()
    await desk.work()
    assert (await desk.read(f"disputes/{key}"))["state"] == "lost"


class Bank(FakeProvider):
    """Another provider, which never heard of the sandbox's disputes."""

    name = "bank"


@pytest.mark.parametrize("how", ["accept", "evidence"])
async def test_a_dispute_is_never_answered_at_a_provider_that_does_not_have_it(desk: Objections, how: str) -> None:
    """Another one knows no such dispute, and its refusal would be taken for the end of our answer."""
    key = await desk.object(await desk.pay((1000, 0)))
    body = {"parts": {"statement": "she trained daily"}} if how == "evidence" else None
    assert (await desk.do(f"disputes/{key}/{how}", body)).status_code == 200
    with pytest.raises(ProviderOther, match="through sandbox, and the payment provider of this instance is bank"):
        await money.run_jobs(desk.frames, Bank(desk.clock), ALL_JOBS)
    assert (await desk.read(f"disputes/{key}"))["answer_state"] == "queued"
    await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    await desk.work()
    assert (await desk.read(f"disputes/{key}"))["answer_state"] == "sent"


async def test_an_event_in_doubt_is_never_asked_of_another_provider(desk: Objections) -> None:
    """Another one has nothing under this key, which would be taken for a contradiction."""
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment)
    [opened] = [event for event in desk.provider.events() if event.type == "dispute.opened"]
    await desk.post(msgspec.structs.replace(opened, id="evt_partial", type="dispute.updated", partial=True))
    await money.run_jobs(desk.frames, Bank(desk.clock), ALL_JOBS)
    [event] = (await desk.read("webhooks/received", type="dispute.updated"))["items"]
    assert (event["state"], event["error_code"]) == ("failed", "provider_other")
    assert (await desk.do(f"webhooks/received/{event['id']}/retry")).status_code == 200
    await desk.work()
    [event] = (await desk.read("webhooks/received", type="dispute.updated"))["items"]
    assert (event["state"], event["outcome"]) == ("processed", "nothing new: the dispute was needs_response")
    assert (await desk.read(f"disputes/{key}"))["state"] == "needs_response"


async def test_evidence_longer_than_a_provider_takes_is_refused_before_it_is_kept(desk: Objections) -> None:
    key = await desk.object(await desk.pay((1000, 0)))
    answer = await desk.do(f"disputes/{key}/evidence", {"parts": {"a": "x" * 15_000, "b": "y" * 15_000}})
    assert (answer.status_code, answer.json()["code"]) == (422, "evidence_too_long")
    assert (await desk.read(f"disputes/{key}"))["answer"] == "none"


async def test_a_dispute_of_money_that_was_not_taken_yet_waits_for_the_charge(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    await desk.sql("UPDATE payments SET state = 'submitted', captured = 0, settled_at = NULL")
    assert await desk.object(payment) == ""
    [event] = (await desk.read("webhooks/received"))["items"]
    assert (event["state"], event["error_code"]) == ("failed", "dispute_too_early")


async def test_events_that_come_in_the_wrong_order_end_where_the_provider_is(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    desk.provider.open_dispute(payment.id)
    [theirs] = desk.provider.book.disputes_since(payment.created_at)
    await desk.provider.accept_dispute("k", theirs.ref)
    told = [event for event in desk.provider.events() if event.type.startswith("dispute.")]
    for event in reversed(told):
        await desk.post(event)
        await desk.work()
    [dispute] = (await desk.read("disputes"))["items"]
    assert dispute["state"] == "lost"
    kinds = [event["type"] for event in (await desk.read("events", aggregate=dispute["id"]))["items"]]
    assert sorted(kinds) == ["dispute.lost", "dispute.opened"]
    await desk.books_hold()


async def test_the_morning_page_names_disputes_by_their_deadline(desk: Objections) -> None:
    first = await desk.object(await desk.pay((1000, 0)))
    page = await desk.read("today")
    assert [one["id"] for one in page["disputes"]] == [first]
    assert {key: value for key, value in page["attention"][0].items() if key != "command"} == {
        "what": "disputes to answer",
        "count": 1,
    }
    second = await desk.object(await desk.pay((1000, 0), email=desk.member()))
    newest = "SELECT max(id::text)::uuid FROM disputes"
    await desk.sql(f"UPDATE disputes SET due_by = due_by - interval '1 day' WHERE id = ({newest})")
    assert [one["id"] for one in (await desk.read("today"))["disputes"]] == [second, first]
    for key in (first, second):
        await desk.do(f"disputes/{key}/accept")
    assert (await desk.read("today"))["disputes"] == []


async def test_a_refund_after_a_lost_dispute_returns_only_the_tax_that_is_left(desk: Objections) -> None:
    """The dearer line's tax was partly lost: 125 of it by a share of the whole, and then 225 of 250 by the refund."""
    payment = await desk.pay((1000, 0), (1000, 250))
    key = await desk.object(payment, 1125)
    assert (await desk.do(f"disputes/{key}/accept")).status_code == 200
    await desk.work()
    lost = (await desk.read(f"disputes/{key}"))["tax"]["amount"]
    refund = await desk.refunded(payment, lines=[{"position": 2, "amount": 1125}])
    await desk.work()
    assert lost + refund["tax"]["amount"] == 250
    assert "tax payable" not in await desk.balances()
    lines = (await desk.payment(payment))["lines"]
    taken = [(one["net_held"]["amount"], one["net_lost"]["amount"], one["tax_lost"]["amount"]) for one in lines]
    assert taken == [(0, 1000, 0), (900, 100, 25)]
    over = await desk.issue(payment, lines=[{"position": 1, "quantity": 1}])
    assert (over.status_code, over.json()["code"]) == (422, "line_exceeded")
    await desk.books_hold()


async def test_a_dispute_that_is_won_takes_nothing_of_a_line(desk: Objections) -> None:
    payment = await desk.pay((1000, 0), (1000, 250))
    key = await desk.object(payment, 1125)
    desk.provider.book.steer(Control(dispute_outcome="won"))
    await desk.do(f"disputes/{key}/evidence", {"parts": {"statement": "she trained daily"}})
    await desk.work()
    desk.provider.book.catch_up()
    await desk.tell()
    await desk.work()
    lines = (await desk.payment(payment))["lines"]
    assert [(one["net_lost"]["amount"], one["tax_lost"]["amount"]) for one in lines] == [(0, 0), (0, 0)]
    assert (await desk.refunded(payment))["tax"]["amount"] == 250
    await desk.work()
    await desk.books_hold()


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_the_fee_of_a_dispute_is_an_expense_however_it_ends(desk: Objections, outcome: Any) -> None:
    payment = await desk.pay((1000, 250))
    before = await desk.balances()
    desk.provider.book.steer(Control(dispute_fee=1500, dispute_outcome=outcome))
    key = await desk.object(payment)
    assert (await desk.read(f"disputes/{key}"))["fee"] == {"amount": 1500, "currency": "USD"}
    held = await desk.balances()
    assert held["fees"] - before["fees"] == 1500
    assert held["clearing:sandbox"] == before["clearing:sandbox"] - 1250 - 1500
    await desk.do(f"disputes/{key}/evidence", {"parts": {"statement": "she trained daily"}})
    await desk.work()
    desk.provider.book.catch_up()
    await desk.tell()
    await desk.work()
    ended = await desk.read(f"disputes/{key}")
    assert (ended["state"], ended["fee"]["amount"]) == (outcome, 1500)
    assert (await desk.balances())["fees"] - before["fees"] == 1500
    await desk.books_hold()


async def test_a_fee_that_comes_later_or_is_given_back_is_posted_as_the_difference(desk: Objections) -> None:
    """As an inquiry that becomes a chargeback, and a fee for the answer that is returned when it is won."""
    payment = await desk.pay((1000, 250))
    before = await desk.balances()
    desk.provider.book.steer(Control(dispute_fee=0))
    key = await desk.object(payment)
    [opened] = [event for event in desk.provider.events() if event.type == "dispute.opened"]

    async def told(id: str, type: str, **values: Any) -> dict[str, Any]:
        subject = msgspec.structs.replace(opened.subject, **values)
        await desk.post(msgspec.structs.replace(opened, id=id, type=type, subject=subject))
        await desk.work()
        after = await desk.balances()
        return {"fee": (await desk.read(f"disputes/{key}"))["fee"]["amount"], "fees": after["fees"] - before["fees"]}

    usd = partial(Money, currency="USD")
    assert await told("a", "dispute.updated", fee=usd(1500)) == {"fee": 1500, "fees": 1500}
    assert await told("b", "dispute.updated", state="under_review", fee=usd(3000)) == {"fee": 3000, "fees": 3000}
    assert await told("c", "dispute.closed", state="won", fee=usd(1500)) == {"fee": 1500, "fees": 1500}
    assert await told("d", "dispute.updated", state="under_review", fee=usd(3000)) == {"fee": 1500, "fees": 1500}
    assert await told("e", "dispute.closed", state="won", fee=None) == {"fee": 1500, "fees": 1500}
    kinds = {row["kind"] for row in (await desk.read("ledger", source=key, limit=100))["items"]}
    assert {kind for kind in kinds if "fee" in kind} == {"dispute.fee.2", "dispute.fee.3", "dispute.fee.5"}
    await desk.books_hold()


async def test_a_refund_that_waited_while_a_dispute_was_lost_is_not_approved_beyond_what_is_left(
    desk: Objections,
) -> None:
    """It held its amount all the time, so only the lost dispute says that the money is gone."""
    await desk.rules(approval=[{"currency": "USD", "above": 500}])
    payment = await desk.pay((1000, 250))
    waiting = await desk.refunded(payment, amount=600)
    assert waiting["state"] == "waiting"
    key = await desk.object(payment, 1000)
    assert (await desk.do(f"disputes/{key}/accept")).status_code == 200
    await desk.work()
    boss = await desk.person("boss@example.com", "owner")
    refused = await desk.decide(waiting["id"], "approve", by=boss)
    assert (refused.status_code, refused.json()["code"]) == (422, "refund_lost_to_dispute")
    assert "have left 2.50 USD" in refused.json()["detail"]
    assert (await desk.show(waiting["id"]))["state"] == "waiting"
    assert (await desk.decide(waiting["id"], "reject", by=boss)).status_code == 200
    assert (await desk.refunded(payment, amount=250))["amount"]["amount"] == 250
    await desk.work()
    await desk.books_hold()


@pytest.mark.parametrize("asked", [1250, 700])
async def test_the_tax_of_what_a_waiting_refund_held_is_lost_once_it_lets_go(desk: Objections, asked: int) -> None:
    """The dispute took all, and the tax in what the refund held was still owed for ever."""
    await desk.rules(approval=[{"currency": "USD", "above": 500}])
    payment = await desk.pay((1000, 250))
    waiting = await desk.refunded(payment, amount=asked)
    key = await desk.object(payment, 1250)
    assert (await desk.do(f"disputes/{key}/accept")).status_code == 200
    await desk.work()
    assert (await desk.read(f"disputes/{key}"))["tax"]["amount"] == 250 - waiting["tax"]["amount"]
    await desk.books_hold()
    assert (await desk.decide(waiting["id"], "reject")).status_code == 200
    for _ in range(2):
        await relay.once(desk.frames, work.consumers({}))
        await desk.work()
    assert (await desk.read(f"disputes/{key}"))["tax"]["amount"] == 250
    balances = await desk.balances()
    assert ("tax payable" in balances, balances["dispute losses"]) == (False, 1000)
    assert [one["net_lost"]["amount"] for one in (await desk.payment(payment))["lines"]] == [1000]
    assert (await desk.payment(payment))["refundable"]["amount"] == 0
    await desk.books_hold()
