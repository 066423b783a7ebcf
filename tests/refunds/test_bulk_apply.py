"""Carrying out a bulk refund: each row once, one refused row alone, and nothing when the world has moved."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.refund_bulks import jobs as bulk_jobs
from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.bulks import JOBS
from tests.refunds.desk import Desk


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def payments(frames: Frames, provider: FakeProvider) -> list[Payment]:
    """Five payments of 100.00."""
    return await money.captured_payments(frames, provider, JOBS, 5)


async def issue(api: httpx.AsyncClient, payment: Payment, amount: int) -> None:
    body = {"amount": amount, "reason": "duplicate", "again": True}
    headers = {"Idempotency-Key": f"{payment.id}-{amount}"}
    answer = await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


async def effects(api: httpx.AsyncClient) -> list[tuple[str, int]]:
    """Every refund there is, by payment and amount; and the ledger holds."""
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"
    items = (await api.get("/v1/refunds", params={"limit": 500})).json()["items"]
    assert {item["state"] for item in items} <= {"succeeded"}
    return sorted((item["payment_id"], item["amount"]["amount"]) for item in items)


async def test_every_row_is_refunded_and_the_result_names_each_refund(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    rows = [{"payment": one.id, "amount": "12.50", "ticket": "T-1"} for one in payments]
    plan = await bulks.planned(api, rows)
    answer = await bulks.applied(api, plan["id"])
    assert (answer.status_code, answer.json()["state"]) == (200, "applying")
    await money.run_jobs(frames, provider, JOBS)
    done = await bulks.shown(api, plan["id"])
    assert (done["state"], done["done"], done["left"]) == ("succeeded", 5, 0)
    assert done["moved"] == [{"amount": 6250, "currency": "USD"}]
    outcomes = await bulks.rows_of(api, plan["id"])
    assert {row["state"] for row in outcomes} == {"succeeded"}
    refund = (await api.get(f"/v1/refunds/{outcomes[0]['refund_id']}")).json()
    assert (refund["payment_id"], refund["amount"]["amount"], refund["ticket"]) == (payments[0].id, 1250, "T-1")
    assert refund["issued_by"] == LOCAL_OWNER.id, "who applied the plan, not the worker"
    assert await effects(api) == sorted((one.id, 1250) for one in payments)
    assert (await api.get(f"/v1/sagas/{done['saga_id']}")).json()["state"] == "succeeded"


async def test_a_plan_applied_twice_at_once_has_its_effects_once(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": one.id, "amount": "10.00"} for one in payments])
    answers = await asyncio.gather(*(bulks.applied(api, plan["id"], key=f"k{number}") for number in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["saga_id"] for answer in answers}) == 1
    await money.run_jobs(frames, provider, JOBS)
    assert (await bulks.applied(api, plan["id"], key="late")).json()["state"] == "succeeded"
    assert await money.run_jobs(frames, provider, JOBS) == 0
    assert await effects(api) == sorted((one.id, 1000) for one in payments)


async def test_a_row_that_is_refused_under_way_does_not_stop_the_others(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": one.id, "amount": "80.00"} for one in payments])
    await bulks.applied(api, plan["id"])
    await money.run_jobs(frames, provider, JOBS, most=1)  # the look at the world is over
    await issue(api, payments[2], 5000)
    await money.run_jobs(frames, provider, JOBS)
    done = await bulks.shown(api, plan["id"])
    assert (done["state"], done["done"], done["failed"], done["left"]) == ("partly", 4, 1, 0)
    [refused] = await bulks.rows_of(api, plan["id"], state="failed")
    assert (refused["payment"], refused["code"]) == (payments[2].id, "refund_exceeds_captured")
    wanted = [(one.id, 8000) for one in payments if one is not payments[2]] + [(payments[2].id, 5000)]
    assert await effects(api) == sorted(wanted)


async def test_a_plan_is_refused_when_a_payment_has_changed_and_names_the_rows(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": one.id, "amount": "10.00"} for one in payments])
    await issue(api, payments[3], 500)
    answer = await bulks.applied(api, plan["id"])
    assert (answer.status_code, answer.json()["code"], answer.json()["exit_code"]) == (409, "bulk_outdated", 6)
    assert answer.json()["params"]["rows"] == [{"row": 5, "payment": payments[3].id}]
    await money.run_jobs(frames, provider, JOBS)
    assert await effects(api) == [(payments[3].id, 500)]


async def test_a_world_that_moves_before_the_worker_looks_stops_the_saga_with_nothing_done(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": one.id, "amount": "10.00"} for one in payments])
    await bulks.applied(api, plan["id"])
    await issue(api, payments[3], 500)
    await money.run_jobs(frames, provider, JOBS)
    ended = await bulks.shown(api, plan["id"])
    assert (ended["state"], ended["canceled"], ended["done"]) == ("canceled", 5, 0)
    assert payments[3].id in ended["error"]
    assert await effects(api) == [(payments[3].id, 500)]
    assert (await bulks.applied(api, plan["id"], key="again")).json()["state"] == "canceled"


async def test_a_cancelled_bulk_ends_with_what_it_has_issued(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    rows = [
        {"payment": one.id, "amount": "1.00", "key": f"{one.id}-{number}"} for one in payments for number in range(30)
    ]
    plan = await bulks.planned(api, rows)
    await bulks.applied(api, plan["id"])
    saga = (await bulks.shown(api, plan["id"]))["saga_id"]
    await money.run_jobs(frames, provider, JOBS[-1:], most=2)
    refused = await api.post(f"/v1/sagas/{saga}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (422, "saga_past_pivot")
    answer = await api.post(f"/v1/refund-bulks/{plan['id']}/cancel")
    assert (answer.status_code, answer.json()["canceling"]) == (200, True)
    await money.run_jobs(frames, provider, JOBS)
    ended = await bulks.shown(api, plan["id"])
    assert (ended["state"], ended["done"], ended["canceled"], ended["left"]) == ("partly", 50, 100, 0)
    assert len(await effects(api)) == 50
    again = await api.post(f"/v1/refund-bulks/{plan['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (422, "bulk_ended")


async def test_a_saga_cancelled_before_the_first_refund_closes_the_bulk(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": payments[0].id}])
    saga = (await bulks.applied(api, plan["id"])).json()["saga_id"]
    await api.post(f"/v1/sagas/{saga}/cancel")
    await money.run_jobs(frames, provider, JOBS)
    ended = await bulks.shown(api, plan["id"])
    assert (ended["state"], ended["canceled"], ended["left"]) == ("canceled", 1, 0)
    assert await effects(api) == []


async def test_a_plan_that_nobody_applied_can_be_cancelled(api: httpx.AsyncClient, payments: list[Payment]) -> None:
    plan = await bulks.planned(api, [{"payment": payments[0].id}])
    assert (await api.post(f"/v1/refund-bulks/{plan['id']}/cancel")).json()["state"] == "canceled"
    answer = await bulks.applied(api, plan["id"])
    assert (answer.status_code, answer.json()["code"]) == (422, "bulk_ended")


async def test_the_same_file_again_is_refused_unless_it_is_meant(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    rows = [{"payment": one.id, "amount": "10.00"} for one in payments]
    first = await bulks.planned(api, rows)
    await bulks.applied(api, first["id"])
    await money.run_jobs(frames, provider, JOBS)
    second = await bulks.planned(api, rows)
    answer = await bulks.applied(api, second["id"], key="k2")
    assert (answer.status_code, answer.json()["code"]) == (409, "bulk_repeated")
    assert first["id"] in answer.json()["detail"]
    assert (await bulks.applied(api, second["id"], key="k3", again=True)).json()["state"] == "applying"
    await money.run_jobs(frames, provider, JOBS)
    assert len(await effects(api)) == 10


async def test_a_key_is_refunded_once_in_whatever_file_it_comes(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    first = await bulks.planned(api, [{"payment": payments[0].id, "amount": "10.00", "key": "case-1"}])
    second = await bulks.planned(api, [{"payment": payments[1].id, "amount": "11.00", "key": "case-1"}])
    await bulks.applied(api, first["id"], key="k1")
    await bulks.applied(api, second["id"], key="k2")
    await money.run_jobs(frames, provider, JOBS)
    assert (await bulks.shown(api, first["id"]))["state"] == "succeeded"
    assert (await bulks.shown(api, second["id"]))["state"] == "failed"
    [row] = await bulks.rows_of(api, second["id"])
    assert row["code"] == "row_key_repeated"
    third = await bulks.planned(api, [{"payment": payments[2].id, "key": "case-1"}])
    assert third["refused"] == 1
    assert await effects(api) == [(payments[0].id, 1000)]


async def test_a_row_that_was_refused_does_not_use_its_key_up(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    first = await bulks.planned(api, [{"payment": payments[0].id, "amount": "80.00", "key": "case-1"}])
    await bulks.applied(api, first["id"], key="k1")
    await money.run_jobs(frames, provider, JOBS, most=1)
    await issue(api, payments[0], 5000)
    await money.run_jobs(frames, provider, JOBS)
    assert (await bulks.shown(api, first["id"]))["state"] == "failed"
    second = await bulks.planned(api, [{"payment": payments[0].id, "amount": "50.00", "key": "case-1"}])
    await bulks.applied(api, second["id"], key="k2")
    await money.run_jobs(frames, provider, JOBS)
    assert (await bulks.shown(api, second["id"]))["state"] == "succeeded"


async def test_a_plan_ends_after_a_day(
    api: httpx.AsyncClient, payments: list[Payment], frames: Frames, clock: FixedClock
) -> None:
    plan = await bulks.planned(api, [{"payment": payments[0].id}])
    async with frames.writing(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        query = "UPDATE refund_bulks SET expires_at = now() - interval '1 second'"
        await frame.execute(text(query))
    answer = await bulks.applied(api, plan["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "bulk_expired")


async def test_a_draft_is_swept_after_a_day_and_a_plan_is_kept(
    api: httpx.AsyncClient, payments: list[Payment], frames: Frames, clock: FixedClock
) -> None:
    draft = await bulks.drafted(api)
    await bulks.sent(api, draft, [{"payment": payments[0].id}])
    plan = await bulks.planned(api, [{"payment": payments[0].id}])
    created = (await bulks.shown(api, draft))["created_at"]
    clock.instant = clock.instant.fromisoformat(created) + timedelta(days=1, seconds=1)
    context: Any = type("Context", (), {"writing": lambda _: about(frames)})()
    await bulk_jobs.sweep(context)
    assert (await api.get(f"/v1/refund-bulks/{draft}")).status_code == 404
    assert (await bulks.shown(api, plan["id"]))["state"] == "planned"


def about(frames: Frames) -> Any:
    return frames.writing(operation="t", principal=LOCAL_OWNER, trace=trace.start())


class Refusing(FakeProvider):
    """Turns every refund of 13.00 down."""

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        done = await super().refund(key, charge_ref, amount, reason)
        if amount.amount != 1300:
            return done
        return ProviderRefund(
            ref=done.ref, key=key, charge_ref=charge_ref, amount=amount, reason=reason, state="failed",
            failure_reason="card_account_closed", created_at=done.created_at,
        )  # fmt: skip


@pytest.mark.parametrize("amounts,state", [(["13.00", "12.00"], "partly"), (["13.00"], "failed")])
async def test_a_refund_that_fails_at_the_provider_is_a_failed_row(
    api: httpx.AsyncClient,
    frames: Frames,
    provider: FakeProvider,
    payments: list[Payment],
    amounts: list[str],
    state: str,
) -> None:
    refusing = Refusing()
    refusing.__dict__.update(provider.__dict__)
    plan = await bulks.planned(api, [{"payment": payments[0].id, "amount": amount} for amount in amounts])
    await bulks.applied(api, plan["id"])
    await money.run_jobs(frames, refusing, JOBS)
    assert (await bulks.shown(api, plan["id"]))["state"] == state
    [row] = await bulks.rows_of(api, plan["id"], state="failed")
    assert (row["code"], row["message"]) == ("refund_failed", "card_account_closed")


async def test_a_row_that_is_taken_back_leaves_no_event_and_no_job(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": one.id, "amount": "80.00"} for one in payments[:2]])
    await bulks.applied(api, plan["id"])
    await money.run_jobs(frames, provider, JOBS, most=1)
    await issue(api, payments[0], 5000)
    await money.run_jobs(frames, provider, JOBS)
    created = (await api.get("/v1/events", params={"limit": 500})).json()["items"]
    assert len([one for one in created if one["type"] == "refund.created"]) == 2
    issued = await api.get("/v1/audit", params={"limit": 500})
    [chunk] = [one for one in issued.json()["items"] if one["operation"] == "saga:refund_bulks.issue"]
    assert chunk["changes"]["summary"] == {"bulk": plan["id"], "issued": 1, "refused": 1}
    assert chunk["actor"] == LOCAL_OWNER.id


async def test_the_world_is_looked_at_in_a_dry_run_and_nothing_is_started(
    api: httpx.AsyncClient, payments: list[Payment]
) -> None:
    plan = await bulks.planned(api, [{"payment": payments[0].id}])
    answer = await api.post(f"/v1/refund-bulks/{plan['id']}/apply", params={"dry_run": "true"}, json={})
    assert answer.status_code == 202, answer.text
    assert answer.json()["result"]["state"] == "applying"
    assert (await bulks.shown(api, plan["id"]))["state"] == "planned"
    assert (await api.get("/v1/sagas")).json()["items"] == []


async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    for path in ("", "/rows"):
        answer = await api.get(f"/v1/refund-bulks/bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "bulk_not_found")


async def test_rows_above_the_threshold_wait_for_a_second_person_and_the_bulk_with_them(desk: Desk) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 1000}])
    olga = await desk.person("olga@example.com", "operator")
    payments = [await desk.pay(email=desk.member()) for _ in range(3)]
    amounts = ["10.00", "10.01", "50.00"]
    rows = [{"payment": one.id, "amount": amount} for one, amount in zip(payments, amounts, strict=True)]
    plan = await bulks.planned(desk.api, rows)
    await bulks.applied(await desk.person("kim@example.com", "operator"), plan["id"])
    await money.run_jobs(desk.frames, desk.provider, JOBS, most=12)
    waits = await bulks.shown(desk.api, plan["id"])
    assert (waits["state"], waits["done"], waits["waiting"], waits["left"]) == ("applying", 1, 2, 2)
    held = [row["refund_id"] for row in await bulks.rows_of(desk.api, plan["id"], state="issued")]
    await desk.decide(held[0], "approve", by=olga)
    await desk.decide(held[1], "reject", by=olga)
    await money.run_jobs(desk.frames, desk.provider, JOBS, most=12)
    ended = await bulks.shown(desk.api, plan["id"])
    assert (ended["state"], ended["done"], ended["failed"], ended["left"]) == ("partly", 2, 1, 0)
    [row] = await bulks.rows_of(desk.api, plan["id"], state="failed")
    assert row["code"] == "refund_rejected"
    await desk.books_hold()
