"""Walks through the states of refunds: wherever they lead, the books hold, and nothing is returned twice."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtp.kit import trace
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.service import id_of
from rtp.permissions import WORKER
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import settling
from rtp.refunds.errors import IllegalRefundMove
from rtp.refunds.policy import HOLDING, MOVES, SETTLED, moved
from rtp.sandbox.schemas import Control
from rtp.testing import money
from tests.refunds.desk import Desk

Walk = list[tuple[str, int]]
STEPS = (
    "refund",
    "approve",
    "reject",
    "retry",
    "answer",
    "fail",
    "pend",
    "lose",
    "go away",
    "ask",
    "wait",
    "dispute",
    "come back",
)
walks = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 120)), max_size=8)
LEADS: dict[str, Walk] = {
    "waiting": [("refund", 80)],
    "rejected": [("refund", 80), ("reject", 0)],
    "expired": [("refund", 80), ("wait", 0), ("answer", 0)],
    "created": [("refund", 20)],
    "canceled": [("refund", 20), ("dispute", 0), ("answer", 0)],
    "submitted": [("refund", 20), ("go away", 0)],
    "pending": [("refund", 20), ("pend", 0)],
    "unknown": [("refund", 20), ("lose", 0)],
    "failed": [("refund", 20), ("fail", 0)],
    "failed after it succeeded": [("refund", 20), ("answer", 0), ("come back", 0)],
    "succeeded": [("refund", 80), ("approve", 0), ("answer", 0)],
}
"""A walk into each state; a refund of 80 % needs a second person."""


async def take(desk: Desk, step: str, percent: int, refunds: list[str], payment: object) -> None:
    """One step; that it is refused is an answer, that it breaks is not."""
    if step == "refund":
        left = (await desk.payment(payment))["refundable"]["amount"]  # type: ignore[arg-type]
        answer = await desk.issue(payment, amount=max(1, left * percent // 100), again=True)  # type: ignore[arg-type]
        assert answer.status_code in {201, 422}, answer.text
        refunds += [answer.json()["id"]] if answer.status_code == 201 else []
    elif step in {"approve", "reject", "retry"}:
        if refunds:
            chosen = refunds[percent % len(refunds)]
            answer = await desk.decide(chosen, step, by=desk.second if step == "approve" else None)
            assert answer.status_code in {200, 409, 422}, answer.text
            if answer.status_code == 200 and answer.json()["id"] not in refunds:
                refunds.append(answer.json()["id"])
    elif step == "dispute":  # one that was open ends, won
        await desk.sql("UPDATE payments SET disputes_open = 1 - disputes_open WHERE id = :id", id=id_of(payment.id))  # type: ignore[attr-defined]
    elif step == "come back":
        if refunds:
            await come_back(desk, refunds[percent % len(refunds)])
    elif step == "wait":
        desk.clock.instant += timedelta(days=3)
    else:
        await work(desk, step)


async def come_back(desk: Desk, refund: str) -> None:
    """The member's bank sends the money back to the provider, which is asked about it."""
    record = desk.provider.book.record.refunds
    if refund in record and (await desk.show(refund))["state"] == "succeeded":
        failed = msgspec.structs.replace(record[refund].refund, state="failed", failure_reason="card_account_closed")
        record[refund] = msgspec.structs.replace(record[refund], refund=failed)
        async with desk.frames.writing(operation="tests.tell", principal=WORKER, trace=trace.start()) as frame:
            await settling.come_back(frame, refund, failed)


async def work(desk: Desk, step: str) -> None:
    """Let the worker do what is queued, with a provider that behaves so."""
    provider = desk.provider
    provider.says = {"fail": "failed", "pend": "pending"}.get(step, "")
    provider.loses_answers = step == "lose"
    await provider.steer(Control(down=step == "go away"))
    try:
        await money.run_jobs(desk.frames, provider, refund_jobs.JOBS, most=1 if step == "lose" else 4)
    except ProviderUnavailable:
        await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    provider.says, provider.loses_answers = "", False
    await provider.steer(Control())


@pytest.mark.parametrize("state", LEADS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(on=walks)
async def test_every_state_that_can_be_reached_satisfies_the_ledger_and_so_does_what_follows(
    desk: Desk, state: str, on: Walk
) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 400}])
    if desk.second is None:
        desk.second = await desk.person("second@example.com", "operator")
    payment = await desk.pay((999, 199), (100, 7), email=desk.member())
    refunds: list[str] = []
    for step, percent in LEADS[state]:
        await take(desk, step, percent, refunds, payment)
    assert (await desk.show(refunds[0]))["state"] == state.partition(" ")[0]
    await desk.books_hold()
    for step, percent in on:
        await take(desk, step, percent, refunds, payment)
        await desk.books_hold()
    await work(desk, "answer")
    await desk.books_hold()
    shown = [await desk.show(refund) for refund in refunds]
    made = {one.key: one for one in await desk.provider.list_refunds(payment.created_at)}
    assert sum(one["amount"]["amount"] for one in shown if one["state"] in HOLDING) <= 1305
    assert all(one["id"] in made for one in shown if one["state"] == "succeeded")


@given(st.sampled_from(sorted(SETTLED)), st.sampled_from(sorted({event for _, event in MOVES})))
def test_nothing_leads_out_of_a_settled_state_but_money_that_came_back(state: str, event: str) -> None:
    if (state, event) == ("succeeded", "come_back"):
        assert moved("rfd_1", "succeeded", event) == "failed"
        return
    with pytest.raises(IllegalRefundMove):
        moved("rfd_1", state, event)  # type: ignore[arg-type]


def test_every_state_can_be_reached_and_those_that_hold_lead_to_an_end() -> None:
    states = {state for state, _ in MOVES} | set(MOVES.values())
    assert states == HOLDING | SETTLED == {state.partition(" ")[0] for state in LEADS}
    for state in states - SETTLED:
        reached: set[str] = {state}
        seen: set[str] = set()
        while reached - seen:
            seen |= reached
            reached |= {to for (origin, _), to in MOVES.items() if origin in reached}
        assert reached & SETTLED, state
