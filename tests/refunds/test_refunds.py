"""Refunds through the real application and database, with the provider's stand-in."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rtp.db.frames import Frames
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderUnavailable
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderCharge, ProviderRefund
from rtp.payments.schemas import Payment
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import settling
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import money
from rtp.testing.plugin import OpenFrame
from rtp_server.worker import build_app

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)


class Forgetful(FakeProvider):
    """Does what it is asked, and loses its answers on demand."""

    loses_answers = False
    swallows = 0

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        if self.swallows:
            self.swallows -= 1
            raise ProviderOutcomeUnknown(key=key, why="the request is still on its way")
        done = await super().refund(key, charge_ref, amount, reason)
        if self.loses_answers:
            raise ProviderOutcomeUnknown(key=key, why="the connection was lost")
        return done

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        done = await super().charge(key, amount, card_ref, description, capture)
        if self.loses_answers:
            raise ProviderOutcomeUnknown(key=key, why="the connection was lost")
        return done


@pytest.fixture
def provider() -> Forgetful:
    return Forgetful()


@pytest.fixture
async def payment(frames: Frames, provider: Forgetful) -> Payment:
    return await money.captured_payment(frames, provider, JOBS)


async def issue(api: httpx.AsyncClient, payment: Payment, key: str, **body: Any) -> httpx.Response:
    sent = {"reason": "duplicate", **body}
    return await api.post(f"/v1/payments/{payment.id}/refunds", json=sent, headers={"Idempotency-Key": key})


async def ledger_held(api: httpx.AsyncClient) -> None:
    checked = (await api.get("/v1/ledger/check")).json()
    assert checked["state"] == "held", [rule for rule in checked["rules"] if rule["state"] != "held"]


async def test_a_refund_goes_from_created_to_succeeded_and_the_ledger_follows(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful, payment: Payment
) -> None:
    answer = await issue(api, payment, "k1", amount=2500)
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "created"
    await ledger_held(api)
    await money.run_jobs(frames, provider, JOBS)
    refund = (await api.get(f"/v1/refunds/{answer.json()['id']}")).json()
    assert refund["state"] == "succeeded"
    shown = (await api.get(f"/v1/payments/{payment.id}")).json()
    assert (shown["captured"]["amount"], shown["refunded"]["amount"], shown["refundable"]["amount"]) == (
        10000,
        2500,
        7500,
    )
    assert [line["id"] for line in shown["refunds"]] == [refund["id"]]
    balances = {
        line["account"]: line["amount"]["amount"] for line in (await api.get("/v1/ledger/check")).json()["balances"]
    }
    assert balances == {
        "clearing:sandbox": 7180, "fees": 320, "refunds": 2500, "refunds payable": 0, "deferred": -10000
    }  # fmt: skip
    await ledger_held(api)


async def test_money_does_not_move_without_a_key(api: httpx.AsyncClient, payment: Payment) -> None:
    answer = await api.post(f"/v1/payments/{payment.id}/refunds", json={"reason": "duplicate"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_one_hundred_meant_refunds_of_a_tenth_succeed_exactly_ten_times(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful, payment: Payment
) -> None:
    answers = await asyncio.gather(*(issue(api, payment, f"k{n}", amount=1000, again=True) for n in range(100)))
    taken = [answer for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code != 201]
    assert len(taken) == 10
    assert {item["code"] for item in refused} == {"refund_exceeds_captured"}
    assert all(item["params"]["left"] == {"amount": 0, "currency": "USD"} for item in refused)
    assert {item["exit_code"] for item in refused} == {7}
    await money.run_jobs(frames, provider, JOBS)
    made = await provider.list_refunds(payment.created_at)
    assert sum(refund.amount.amount for refund in made) == 10000
    await ledger_held(api)


async def patiently(api: httpx.AsyncClient, payment: Payment, key: str, **more: Any) -> httpx.Response:
    """As a client asks: who waited too long for a connection was told to ask again, with the same key."""
    for _ in range(20):
        answer = await issue(api, payment, key, **more)
        if answer.json().get("code") != "database_busy":
            break
        assert answer.json()["retryable"]
    return answer


async def test_one_hundred_equal_refunds_not_meant_again_succeed_once(api: httpx.AsyncClient, payment: Payment) -> None:
    answers = await asyncio.gather(*(patiently(api, payment, f"k{n}", amount=1000) for n in range(100)))
    codes = [answer.json().get("code", "taken") for answer in answers]
    assert sorted(codes) == ["refund_repeated"] * 99 + ["taken"]
    first = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    assert all(first in answer.json()["detail"] for answer in answers if answer.status_code != 201)


async def test_many_requests_with_one_key_have_one_effect_and_one_body(
    api: httpx.AsyncClient, payment: Payment
) -> None:
    answers = await asyncio.gather(*(issue(api, payment, "same", amount=1000) for _ in range(50)))
    bodies = {answer.content for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    later = await issue(api, payment, "same", amount=1000)
    assert later.headers["idempotency-replayed"] == "true"
    assert {later.content} == bodies


async def test_the_database_itself_refuses_to_hold_more_than_was_captured(payment: Payment, writing: OpenFrame) -> None:
    with pytest.raises(DBAPIError, match="ck_payments_refund_cap"):
        async with writing() as frame:
            await frame.execute(text("UPDATE payments SET refunds_held = captured + 1"))


async def test_the_database_itself_refuses_to_hold_for_a_refund_what_a_lost_dispute_took(
    payment: Payment, writing: OpenFrame
) -> None:
    async with writing() as frame:
        await frame.execute(text("UPDATE payments SET refunds_held = captured - 1000, disputes_lost = 1000"))
    with pytest.raises(DBAPIError, match="of which disputes took 1000"):
        async with writing() as frame:
            await frame.execute(text("UPDATE payments SET refunds_held = refunds_held + 1"))
    async with writing() as frame:
        await frame.execute(text("UPDATE payments SET disputes_lost = 1500"))
        await frame.execute(text("UPDATE payments SET refunds_held = refunds_held - 1"))


async def test_the_ledger_refuses_a_transaction_that_does_not_balance(payment: Payment, writing: OpenFrame) -> None:
    with pytest.raises(DBAPIError, match="does not balance"):
        async with writing() as frame:
            await frame.execute(
                text(
                    "INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at) "
                    "SELECT uuidv7(), uuidv7(), kind, source, account, 1, currency, user_id, at FROM ledger LIMIT 1"
                )
            )


async def test_a_failed_refund_gives_the_amount_back_and_mirrors_the_entries(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful, payment: Payment
) -> None:
    await issue(api, payment, "k1", amount=6000)
    charge = await provider.retrieve_charge_by_key(payment.id)
    assert charge is not None
    await provider.refund("elsewhere", charge.ref, charge.amount, "by hand at the provider")
    await money.run_jobs(frames, provider, JOBS)
    [refund] = (await api.get("/v1/refunds", params={"user": "ada@example.com"})).json()["items"]
    assert (refund["state"], refund["failure_reason"]) == ("failed", "charge_already_refunded")
    shown = (await api.get(f"/v1/payments/{payment.id}")).json()
    assert shown["refundable"]["amount"] == 10000
    await ledger_held(api)


async def test_a_lost_answer_is_unknown_until_the_provider_is_asked_and_no_second_refund_is_made(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful
) -> None:
    payment = await money.captured_payment(frames, provider, JOBS)
    refund = (await issue(api, payment, "k1", amount=4000)).json()
    provider.loses_answers = True
    await money.run_jobs(frames, provider, refund_jobs.JOBS[:1])
    assert (await api.get(f"/v1/refunds/{refund['id']}")).json()["state"] == "unknown"
    await ledger_held(api)
    other = await issue(api, payment, "k2", amount=7000)
    assert other.json()["code"] == "refund_exceeds_captured"
    await money.run_jobs(frames, provider, refund_jobs.JOBS)
    assert (await api.get(f"/v1/refunds/{refund['id']}")).json()["state"] == "succeeded"
    assert len(await provider.list_refunds(payment.created_at)) == 1
    await ledger_held(api)


async def test_a_refund_that_the_provider_does_not_know_yet_is_asked_again_under_its_key(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful
) -> None:
    payment = await money.captured_payment(frames, provider, JOBS)
    refund = (await issue(api, payment, "k1", amount=4000)).json()
    provider.swallows = 1
    await money.run_jobs(frames, provider, JOBS)
    assert (await api.get(f"/v1/refunds/{refund['id']}")).json()["state"] == "succeeded"
    [made] = await provider.list_refunds(payment.created_at)
    assert made.key == refund["id"]
    await ledger_held(api)


async def test_a_payment_whose_answer_was_lost_is_settled_by_asking(frames: Frames, provider: Forgetful) -> None:
    provider.loses_answers = True
    payment = await money.captured_payment(frames, provider, JOBS)
    assert payment.state == "succeeded"
    assert len(await provider.list_charges(payment.created_at)) == 1


async def test_an_answer_that_comes_twice_has_its_effect_once(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful, payment: Payment, writing: OpenFrame
) -> None:
    refund = (await issue(api, payment, "k1", amount=4000)).json()
    await money.run_jobs(frames, provider, JOBS)
    outcome = await provider.retrieve_refund_by_key(refund["id"])
    assert outcome is not None
    async with writing() as frame:
        await frame.execute(text("UPDATE refunds SET state = 'submitted'"))
    async with writing() as frame:
        again = await settling.settle(frame, refund["id"], outcome)
        assert again.state == "submitted"
        await frame.execute(text("UPDATE refunds SET state = 'succeeded'"))
    await ledger_held(api)


async def test_a_provider_that_is_away_leaves_the_refund_submitted_for_the_retry(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful, payment: Payment
) -> None:
    refund = (await issue(api, payment, "k1")).json()
    await provider.steer(Control(down=True))
    with pytest.raises(ProviderUnavailable):
        await money.run_jobs(frames, provider, JOBS)
    assert (await api.get(f"/v1/refunds/{refund['id']}")).json()["state"] == "submitted"
    await ledger_held(api)


async def test_preview_shows_what_is_left_and_why_it_would_be_refused(api: httpx.AsyncClient, payment: Payment) -> None:
    shown = (await api.post(f"/v1/payments/{payment.id}/refund-preview", json={"amount": 4000})).json()
    assert (shown["allowed"], shown["left"]["amount"], shown["card_last_four"]) == (True, 6000, "4242")
    more = (await api.post(f"/v1/payments/{payment.id}/refund-preview", json={"amount": 10001})).json()
    assert (more["allowed"], more["refusal"]) == (
        False,
        f"The refund of 100.01 USD is more than what is left of {payment.id}: 100.00 USD.",
    )


async def test_a_declined_card_fails_the_payment_and_nothing_can_be_refunded(
    api: httpx.AsyncClient, frames: Frames, provider: Forgetful
) -> None:
    payment = await money.captured_payment(frames, provider, JOBS, card="declined")
    assert (payment.state, payment.failure_reason) == ("failed", "card_declined")
    answer = await issue(api, payment, "k1")
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_refund")
    await ledger_held(api)


async def test_an_unknown_card_fails_the_payment(api: httpx.AsyncClient, frames: Frames, provider: Forgetful) -> None:
    payment = await money.captured_payment(frames, provider, JOBS, card="monopoly")
    assert (payment.state, payment.failure_reason) == ("failed", "card_not_known")


async def test_a_planned_refund_commits_exactly_what_was_planned(api: httpx.AsyncClient, payment: Payment) -> None:
    planned = await api.post(
        f"/v1/payments/{payment.id}/refunds", json={"reason": "duplicate", "amount": 2500}, params={"dry_run": True}
    )
    plan = planned.json()
    assert [ask["job"] for ask in plan["jobs"]] == ["refunds.submit"]
    applied = await api.post(f"/v1/plans/{plan['id']}/apply", headers={"Idempotency-Key": "p1"})
    assert applied.json() == plan["result"], applied.text
    await ledger_held(api)


async def test_a_retry_does_not_wait_until_the_next_attempt_would_have_been(
    api: httpx.AsyncClient,
    frames: Frames,
    settings: Settings,
    writing: OpenFrame,
    provider: Forgetful,
    payment: Payment,
) -> None:
    refund = (await issue(api, payment, "k1", amount=4000)).json()
    async with writing() as frame:
        await frame.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '5 minutes'"))
    again = await api.post(f"/v1/refunds/{refund['id']}/retry", headers={"Idempotency-Key": "again"})
    assert again.status_code == 200, again.text
    async with build_app(settings, frames, {"provider": provider}, refund_jobs.JOBS).open_async() as app:
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    assert (await api.get(f"/v1/refunds/{refund['id']}")).json()["state"] == "succeeded"
