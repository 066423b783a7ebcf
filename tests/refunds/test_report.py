"""The report on a month's refunds: everything of the month is in its sums, and the same seed draws the same again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from rtp.errors import InvalidInput
from rtp.kit import ids, trace
from rtp.kit.money import Money
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import Payment
from rtp.permissions import WORKER
from rtp.refund_reports import policy
from rtp.refund_reports.schemas import RefundReport
from rtp.refunds import adopting
from rtp.testing import asgi
from rtp.testing.servers import Cloned
from rtp_commands.refunds_report_page import page
from rtp_commands.table import plain
from rtp_commands.words import width
from tests.refunds.desk import Desk

NEXT = datetime(2032, 3, 1, tzinfo=UTC)
MONTH = "2032-02"


async def report(desk: Desk, month: str = MONTH, **asked: str) -> dict[str, Any]:
    """The report on a month."""
    answer = await desk.api.get("/v1/refund-report", params={"month": month, **asked})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def at(desk: Desk, when: datetime, payment: Payment, amount: int, **body: Any) -> str:
    """A refund of an instant; its id."""
    desk.clock.instant = when
    return str((await desk.refunded(payment, amount=amount, **body))["id"])


async def approved(desk: Desk, payment: Payment, issuer: httpx.AsyncClient, approver: httpx.AsyncClient) -> str:
    """A refund that one person issued and another approved."""
    made = await desk.refunded(payment, amount=1000, by=issuer)
    answer = await desk.decide(made["id"], "approve", by=approver)
    assert answer.status_code == 200, answer.text
    return str(made["id"])


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


async def test_every_refund_of_the_month_is_in_it_and_the_sums_are_those_of_the_ledger(desk: Desk) -> None:
    first, second = await desk.pay(), await desk.pay(email=desk.member())
    euros = await desk.pay(currency="EUR")
    await at(desk, NEXT - timedelta(days=29, microseconds=1), first, 1)
    wanted = [
        await at(desk, NEXT - timedelta(days=29), first, 100),
        await at(desk, NEXT - timedelta(days=9), first, 200),
    ]
    desk.provider.says = "failed"
    await desk.work()
    desk.provider.says = ""
    wanted += [
        await at(desk, NEXT - timedelta(days=8), second, 400),
        await at(desk, NEXT - timedelta(days=7), euros, 800),
    ]
    await desk.work()
    await desk.rules(approval=[{"currency": "USD", "above": 0}])
    waits = await at(desk, NEXT - timedelta(microseconds=1), second, 1600)
    rejected = await at(desk, NEXT - timedelta(microseconds=1), second, 3200)
    await desk.decide(rejected, "reject")
    await at(desk, NEXT, second, 2)
    found = await report(desk, share="100")
    assert [one["id"] for one in found["sample"]] == [*wanted, *sorted([waits, rejected])]
    states = {one["id"]: one["state"] for one in found["sample"]}
    assert (states[wanted[0]], states[waits], states[rejected]) == ("failed", "waiting", "rejected")
    assert found["sums"] == [
        {"count": 1, "amount": {"amount": 800, "currency": "EUR"}, "booked": {"amount": 800, "currency": "EUR"}},
        {"count": 5, "amount": usd(5500), "booked": usd(5500)},
    ]
    assert (found["count"], found["drawn"], found["complete"], found["ended"]) == (6, 6, True, True)
    totals = await desk.sql(
        "SELECT currency, sum(-amount) AS total, count(DISTINCT source) AS number FROM ledger "
        "WHERE kind = 'refund.reserved' AND account = 'refunds payable' AND at >= :since AND at < :until "
        "GROUP BY currency ORDER BY currency",
        since=NEXT - timedelta(days=29), until=NEXT,
    )  # fmt: skip
    assert [tuple(row) for row in totals] == [("EUR", 800, 1), ("USD", 5500, 5)]
    pairs: dict[str, int] = {}
    for pair in found["pairs"]:
        currency = pair["amount"]["currency"]
        pairs[currency] = pairs.get(currency, 0) + pair["amount"]["amount"]
    assert pairs == {"EUR": 800, "USD": 5500}, "each refund is in one pair"


async def test_sums_that_the_ledger_does_not_have_are_told(desk: Desk, database: Cloned) -> None:
    payment = await desk.pay()
    await at(desk, NEXT - timedelta(days=1), payment, 100)
    assert (await report(desk))["complete"] is True
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE refunds SET created_at = created_at + interval '1 day'")
    found = await report(desk)
    assert (found["complete"], found["sums"]) == (False, [{"count": 0, "amount": usd(0), "booked": usd(100)}])


async def test_two_people_who_approved_each_others_refunds_are_always_looked_at_whole(desk: Desk) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 0}])
    sam, kim, pat = [await desk.person(f"{name}@example.com", "operator") for name in ("sam", "kim", "pat")]
    paid = [await desk.pay(email=desk.member()) for _ in range(30)]
    long_ago = await desk.pay(email=desk.member())
    desk.clock.instant = NEXT - timedelta(days=364)
    await approved(desk, long_ago, pat, sam)
    desk.clock.instant = NEXT - timedelta(days=2)
    theirs = [await approved(desk, paid[0], sam, kim), await approved(desk, paid[1], kim, sam)]
    by_turns = await approved(desk, paid[2], sam, pat)
    one_way = [await approved(desk, payment, kim, pat) for payment in paid[3:]]
    found = await report(desk, share="5", seed="x")
    mutual = {one["id"] for one in found["sample"] if one["mutual"]}
    assert mutual == {*theirs, by_turns}, "an approval of months ago is the other half of one of today"
    assert (found["drawn"], sum(one["drawn"] for one in found["sample"])) == (2, 2)
    assert {one["id"] for one in found["sample"] if not one["mutual"]} <= set(one_way)
    told = [
        (pair["issuer"], pair["approver"], pair["count"], pair["amount"], pair["mutual"]) for pair in found["pairs"]
    ]
    assert sorted(told[:3]) == [
        ("kim@example.com", "sam@example.com", 1, usd(1000), True),
        ("sam@example.com", "kim@example.com", 1, usd(1000), True),
        ("sam@example.com", "pat@example.com", 1, usd(1000), True),
    ]
    assert told[3:] == [("kim@example.com", "pat@example.com", 27, usd(27_000), False)]
    desk.clock.instant = NEXT + timedelta(days=2)
    await approved(desk, paid[3], sam, pat)
    later = await report(desk, "2032-03", share="100")
    assert [one["mutual"] for one in later["sample"]] == [False], "a year is over"


async def test_what_an_api_key_issued_counts_for_who_made_the_key(desk: Desk) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 0}])
    sam, kim = [await desk.person(f"{name}@example.com", "owner") for name in ("sam", "kim")]
    made = await sam.post("/v1/tokens", json={"name": "nightly", "role": "support"})
    key = await desk.open.enter_async_context(asgi.client(desk.app, token=made.json()["token"]))
    paid = [await desk.pay(email=desk.member()) for _ in range(3)]
    desk.clock.instant = NEXT - timedelta(days=2)
    await approved(desk, paid[0], key, kim)
    one_way = await report(desk, share="1", seed="x")
    assert [pair["mutual"] for pair in one_way["pairs"]] == [False]
    await approved(desk, paid[1], kim, sam)
    found = await report(desk, share="1", seed="x")
    told = {(pair["issuer"], pair["approver"]): pair["mutual"] for pair in found["pairs"]}
    assert told == {("nightly", "kim@example.com"): True, ("kim@example.com", "sam@example.com"): True}
    assert [one["mutual"] for one in found["sample"]] == [True, True]


async def test_the_same_seed_draws_the_same_refunds_and_anybody_can_draw_them_again(desk: Desk) -> None:
    payment = await desk.pay()
    desk.clock.instant = NEXT - timedelta(days=1)
    made = [(await desk.refunded(payment, amount=1 + number))["id"] for number in range(20)]
    first, again, other = [await report(desk, share="25", seed=seed) for seed in ("dice-4", "dice-4", "dice-5")]
    assert first == again
    drawn = {one["id"] for one in first["sample"]}
    by_hash = sorted(made, key=lambda key: hashlib.sha256(f"dice-4:{ids.parse('rfd', key)}".encode()).digest())
    assert drawn == set(by_hash[:5])
    assert drawn != {one["id"] for one in other["sample"]}
    unasked = [await report(desk, share="25") for _ in range(2)]
    assert unasked[0]["seed"] != unasked[1]["seed"], "nobody knows before what will be drawn"
    told = await report(desk, share="25", seed=unasked[0]["seed"])
    assert told == unasked[0]


async def test_what_was_made_at_the_provider_and_by_a_token_is_in_it_by_name(desk: Desk) -> None:
    payment = await desk.pay()
    robot = await desk.token("support")
    await at(desk, NEXT - timedelta(days=1), payment, 100, by=robot)
    desk.clock.instant = NEXT - timedelta(hours=1)
    told = ProviderRefund(
        ref="re_1", key="by-hand", charge_ref=payment.provider_ref or "", amount=Money(300, "USD"), reason="",
        state="succeeded", created_at=desk.clock.instant,
    )  # fmt: skip
    async with desk.frames.writing(operation="tests.take_in", principal=WORKER, trace=trace.start()) as frame:
        await adopting.take_in(frame, payment.id, told)
    found = await report(desk, share="100")
    assert [(one["issuer"], one["amount"]["amount"]) for one in found["sample"]] == [
        ("t", 100), (f"provider:{payment.provider}", 300)
    ]  # fmt: skip
    assert found["complete"] is True


async def test_a_month_that_is_not_over_says_so_and_one_without_refunds_is_empty(desk: Desk) -> None:
    payment = await desk.pay()
    await at(desk, NEXT - timedelta(days=1), payment, 100)
    open_month = await report(desk)
    assert (open_month["ended"], open_month["count"], open_month["drawn"]) == (False, 1, 1)
    assert (await report(desk, "2032-01"))["sample"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"month": "2032-13"},
        {"month": "2032-2"},
        {"month": MONTH, "share": "0"},
        {"month": MONTH, "share": "101"},
        {"month": MONTH, "share": "-5"},
        {"month": MONTH, "seed": "a b"},
    ],
)
async def test_what_cannot_be_drawn_is_refused(desk: Desk, asked: dict[str, str]) -> None:
    answer = await desk.api.get("/v1/refund-report", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_support_does_not_draw_what_is_looked_at_of_its_own_work(desk: Desk) -> None:
    for role, status in (("viewer", 403), ("support", 403), ("operator", 200), ("owner", 200)):
        person = await desk.person(f"{role}@example.com", role)
        assert (await person.get("/v1/refund-report", params={"month": MONTH})).status_code == status


async def test_the_page_has_the_same_facts_as_the_json_on_80_columns(desk: Desk) -> None:
    payment = await desk.pay()
    made = await at(desk, NEXT - timedelta(days=1), payment, 123_4, ticket="SUP-7", reason="goodwill")
    desk.clock.instant = NEXT
    shown = msgspec.convert(await report(desk, seed="dice-4"), RefundReport)
    lines = plain(page(shown, 80)).splitlines()
    assert max(width(line) for line in lines) <= 80
    text = "\n".join(lines)
    for fact in (
        "1, of which 1 drawn (5%, seed dice-4)",
        "1 refund, 12.34 USD: as in the ledger",
        made,
        "SUP-7",
        "goodwill",
    ):
        assert fact in text
    other = structs.replace(shown, sums=[structs.replace(shown.sums[0], booked=Money(1, "USD"))], ended=False)
    text = plain(page(other, 80))
    assert "1 refund, 12.34 USD: the ledger has 0.01 USD" in text
    assert "2032-02 (UTC), not over" in text


@given(st.integers(0, policy.MOST), st.decimals("0.01", "100", places=2))
def test_a_share_is_rounded_up_and_never_more_than_there_is(count: int, share: Any) -> None:
    size = policy.size(count, str(share))
    assert size <= count
    assert size * 100 >= count * share > (size - 1) * 100 or (count, size) == (0, 0)


def test_more_than_anybody_looks_at_is_not_drawn() -> None:
    assert policy.size(100_000, "5") == 5_000
    with pytest.raises(InvalidInput, match="5% of 100,001 refunds are 5,001, and at most 5,000 are drawn"):
        policy.size(100_001, "5")


def test_months_follow_each_other_without_a_gap() -> None:
    months = [f"{year}-{month:02}" for year in (2027, 2028) for month in range(1, 13)]
    spans = [policy.span(month) for month in months]
    assert [until for _, until in spans[:-1]] == [since for since, _ in spans[1:]]
    assert spans[-1][1] == datetime(2029, 1, 1, tzinfo=UTC)
