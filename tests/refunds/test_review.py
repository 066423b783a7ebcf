"""What the second person is shown before they approve, and what the local owner is told before they ask in vain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.refunds import bulks
from tests.refunds.desk import Desk
from tests.refunds.test_second_person import SAM, SMALL, on

KIM = "kim@example.com"
TOKEN = "rtp tokens create --name NAME --staff EMAIL --role ROLE"


async def review(desk: Desk, refund: str, by: httpx.AsyncClient | None = None) -> dict[str, Any]:
    answer = await (by or desk.api).get(f"/v1/refunds/{refund}/review")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


@pytest.fixture
async def sam(desk: Desk) -> httpx.AsyncClient:
    await desk.rules(**SMALL)
    return await desk.person(SAM, "operator")


@pytest.fixture
async def kim(desk: Desk, sam: httpx.AsyncClient) -> httpx.AsyncClient:
    return await desk.person(KIM, "operator")


async def test_the_second_person_sees_who_asked_for_what_and_what_is_left(
    desk: Desk, sam: httpx.AsyncClient, kim: httpx.AsyncClient
) -> None:
    payment = await desk.pay((10_000, 2_000), (3_000, 600))
    await desk.refunded(payment, amount=1_200)
    asked = [{"position": 1, "amount": 6_000}]
    refund = await desk.refunded(payment, lines=asked, by=sam, note="Seen.", ticket="SUP-7", reason="goodwill")
    shown = await review(desk, refund["id"], kim)
    assert (shown["refund"], shown["state"], shown["payment_id"]) == (refund["id"], "waiting", payment.id)
    assert (shown["issued_by"], shown["actor"], shown["email"]) == (SAM, KIM, "ada@example.com")
    assert shown["held_because"] == "above 50.00 USD"
    assert (shown["reason"], shown["note"], shown["ticket"]) == ("goodwill", "Seen.", "SUP-7")
    assert (shown["amount"], shown["net"], shown["tax"]) == (usd(6_000), usd(5_000), usd(1_000))
    assert [shown[name] for name in ("captured", "refunded", "refundable", "left")] == [
        usd(15_600), usd(1_200), usd(14_400), usd(8_400),
    ]  # fmt: skip
    assert [(line["position"], line["net"], line["left"]) for line in shown["lines"]] == [(1, usd(5_000), usd(4_800))]
    assert (shown["allowed"], shown["refusal"]) == (True, "")
    assert [finding["state"] for finding in shown["findings"]] == ["ok"] * 4
    assert "--" not in shown["subscription"] + shown["access"], "what was asked for is not asked again"
    assert (await desk.decide(refund["id"], "approve", by=kim)).status_code == 200


async def test_who_asked_reads_that_they_cannot_approve_in_the_words_of_the_refusal(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    refund = await desk.refunded(await desk.pay(), amount=6_000, by=sam)
    shown = await review(desk, refund["id"], sam)
    refused = await desk.decide(refund["id"], "approve", by=sam)
    assert (shown["allowed"], shown["refusal"]) == (False, refused.json()["detail"])


async def test_a_refund_that_does_not_wait_or_that_came_too_late_is_told_as_such(
    desk: Desk, sam: httpx.AsyncClient, kim: httpx.AsyncClient
) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=6_000, by=sam)
    desk.clock.instant += timedelta(days=4)
    late = await review(desk, refund["id"], kim)
    assert [one["rule"] for one in late["findings"] if one["state"] == "refused"] == ["time"]
    assert (await desk.decide(refund["id"], "reject", by=kim)).status_code == 200
    ended = await review(desk, refund["id"], kim)
    assert (ended["state"], ended["allowed"]) == ("rejected", False)
    assert (ended["refunded"], ended["left"]) == (usd(0), usd(10_000))


async def test_a_disputed_payment_is_told_before_anybody_approves(
    desk: Desk, sam: httpx.AsyncClient, kim: httpx.AsyncClient
) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=6_000, by=sam)
    await desk.sql("UPDATE payments SET disputes_open = 1")
    shown = await review(desk, refund["id"], kim)
    assert [one["rule"] for one in shown["findings"] if one["state"] == "refused"] == ["payment"]


async def test_a_review_of_nothing_is_not_found(desk: Desk) -> None:
    answer = await desk.api.get("/v1/refunds/rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F/review")
    assert (answer.status_code, answer.json()["code"]) == (404, "refund_not_found")


@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_the_local_owner_is_warned_where_nobody_they_made_can_approve(
    desk: Desk, sam: httpx.AsyncClient, environment: str
) -> None:
    payment = await desk.pay()
    assert (await desk.preview(payment, amount=6_000))["warning"] == ""
    on(desk, environment)
    assert TOKEN in (await desk.preview(payment, amount=6_000))["warning"]
    assert (await desk.preview(payment, amount=5_000))["warning"] == "", "nobody has to approve it"
    assert (await desk.preview(payment, amount=6_000, by=sam))["warning"] == "", "another can approve it"


async def test_and_on_dev_where_the_policy_does_not_count_them(desk: Desk) -> None:
    await desk.rules(**SMALL, local_approves=False)
    assert TOKEN in (await desk.preview(await desk.pay(), amount=6_000))["warning"]


async def test_a_file_above_the_threshold_names_the_threshold_and_who_planned_it(
    desk: Desk, sam: httpx.AsyncClient, kim: httpx.AsyncClient
) -> None:
    rows = [{"payment": (await desk.pay(email=desk.member())).id, "amount": "30.00"} for _ in range(2)]
    small = await bulks.planned(sam, rows[:1])
    assert (small["above"], small["planner"]) == (None, SAM)
    planned = await bulks.planned(sam, rows)
    assert (planned["above"], planned["planner"], planned["warning"]) == (usd(5_000), SAM, "")
    shown = (await kim.get(f"/v1/refund-bulks/{planned['id']}")).json()
    assert (shown["above"], shown["planner"]) == (usd(5_000), SAM)
    begun = (await bulks.applied(kim, planned["id"])).json()
    assert (begun["state"], begun["planner"], begun["above"]) == ("applying", SAM, None)
    ended = (await sam.post(f"/v1/refund-bulks/{small['id']}/cancel")).json()
    assert (ended["state"], ended["planner"]) == ("canceled", SAM)
    on(desk, "staging")
    assert TOKEN in (await bulks.planned(desk.api, rows))["warning"]
    assert (await bulks.planned(desk.api, rows[:1]))["warning"] == ""


async def test_a_plan_that_is_shown_says_what_was_asked_for_so_that_its_receipt_can_be_shown(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    payment = await desk.pay()
    body = {"reason": "goodwill", "lines": [{"position": 1, "amount": 6_000}], "ticket": "SUP-7"}
    planned = await sam.post(f"/v1/payments/{payment.id}/refunds", json=body, params={"dry_run": "true"})
    assert (planned.status_code, "asked" in planned.json()) == (202, False)
    shown = (await sam.get(f"/v1/plans/{planned.json()['id']}")).json()
    assert shown.pop("asked") == {"path": {"payment": payment.id}, "body": body}
    assert shown == planned.json()


async def test_a_plan_of_lines_says_nothing_of_them(desk: Desk) -> None:
    lines = b'{"row": 1, "email": "grace@example.com", "name": "Grace"}\n'
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "import"}
    planned = await desk.api.post("/v1/users/import", content=lines, headers=headers, params={"dry_run": "true"})
    assert planned.status_code == 202, planned.text
    shown = (await desk.api.get(f"/v1/plans/{planned.json()['id']}")).json()
    assert shown["asked"] == {"path": {}, "body": None}
