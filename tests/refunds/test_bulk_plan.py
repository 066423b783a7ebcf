"""Planning a bulk refund: every row is checked, nothing moves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rtp.db.frames import Frames
from rtp.kit.money import Money
from rtp.payments.fakes import FakeProvider
from rtp.payments.schemas import Payment
from rtp.refund_bulks import policy
from rtp.refund_bulks.errors import BulkOverCap
from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.bulks import JOBS


@pytest.fixture
async def payments(frames: Frames) -> list[Payment]:
    """Three payments of 100.00."""
    return await money.captured_payments(frames, FakeProvider(), JOBS, 3)


async def test_a_plan_tells_rows_money_and_what_is_refused_and_moves_nothing(
    api: httpx.AsyncClient, payments: list[Payment]
) -> None:
    first, second, third = (one.id for one in payments)
    plan = await bulks.planned(
        api,
        [
            {"payment": first, "amount": "25.00"},
            {"payment": second, "ticket": "T-7", "note": "as promised"},
            {"payment": "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F"},
            {"payment": third, "amount": "100.01"},
        ],
    )
    assert (plan["state"], plan["rows"], plan["accepted"], plan["refused"]) == ("planned", 4, 2, 2)
    assert (plan["totals"], plan["total"]) == ([{"amount": 12_500, "currency": "USD"}], "125.00")
    assert (plan["left"], plan["done"], plan["moved"]) == (2, 0, [])
    refused = await bulks.rows_of(api, plan["id"], state="refused")
    assert [(row["row"], row["code"]) for row in refused] == [(4, "payment_not_found"), (5, "refund_exceeds_captured")]
    assert "100.00 USD" in refused[1]["message"]
    accepted = await bulks.rows_of(api, plan["id"], state="planned")
    assert [(row["row"], row["amount"]["amount"], row["ticket"]) for row in accepted] == [
        (2, 2500, ""),
        (3, 10_000, "T-7"),
    ]
    assert (await api.get("/v1/refunds")).json()["items"] == []


async def test_rows_of_one_payment_are_counted_together_over_all_batches(
    api: httpx.AsyncClient, payments: list[Payment]
) -> None:
    bulk = await bulks.drafted(api)
    one = payments[0].id
    await bulks.sent(api, bulk, [{"payment": one, "amount": "60.00"}])
    answer = await bulks.sent(
        api, bulk, [{"payment": one, "amount": "50.00"}, {"payment": one, "amount": "40.00"}, {"payment": one}],
        batch=2, first=10,
    )  # fmt: skip
    assert answer.json()["accepted"] == 1
    assert [(row["row"], row["code"]) for row in answer.json()["refused"]] == [
        (10, "refund_exceeds_captured"),
        (12, "row_repeated"),
    ]
    assert "40.00 USD" in answer.json()["refused"][0]["message"], "what the first row left"


async def test_equal_rows_are_refused_as_repeated_unless_each_has_a_key_of_its_own(
    api: httpx.AsyncClient, payments: list[Payment]
) -> None:
    one = payments[0].id
    plan = await bulks.planned(
        api,
        [
            {"payment": one, "amount": "10.00"},
            {"payment": one, "amount": "10.00"},
            {"payment": one, "amount": "10.00", "key": "a"},
            {"payment": one, "amount": "10.00", "key": "b"},
            {"payment": one, "amount": "11.00", "key": "b"},
        ],
    )
    assert [row["state"] for row in await bulks.rows_of(api, plan["id"])] == [
        "planned",
        "refused",
        "planned",
        "planned",
        "refused",
    ]
    refused = await bulks.rows_of(api, plan["id"], state="refused")
    assert [row["code"] for row in refused] == ["row_repeated", "row_key_repeated"]
    assert "Row 2" in refused[0]["message"]
    assert "row 5" in refused[1]["message"]


@pytest.mark.parametrize(
    "amount,code",
    [
        ("25", None),
        ("25.00 usd", None),
        ({"amount": 2500, "currency": "USD"}, None),
        ("25.005", "row_amount_unclear"),
        ("1,000.00", "row_amount_unclear"),
        ("0.00", "row_amount_unclear"),
        ("-5.00", "row_amount_unclear"),
        ("much", "row_amount_unclear"),
        ("1E999999999", "row_amount_unclear"),
        ("٢٥.00", "row_amount_unclear"),
        ("25.00 EUR", "refund_currency_differs"),
        ("25.00 QQQ", "row_amount_unclear"),
        (2500, "invalid_row"),
        (25.0, "invalid_row"),
    ],
)
async def test_an_amount_is_clear_or_refused(
    api: httpx.AsyncClient, payments: list[Payment], amount: Any, code: str | None
) -> None:
    bulk = await bulks.drafted(api)
    answer = (await bulks.sent(api, bulk, [{"payment": payments[0].id, "amount": amount}])).json()
    assert [row["code"] for row in answer["refused"]] == ([] if code is None else [code])
    if code is None:
        [row] = await bulks.rows_of(api, bulk)
        assert row["amount"] == {"amount": 2500, "currency": "USD"}


async def test_a_broken_row_is_refused_alone(api: httpx.AsyncClient, payments: list[Payment]) -> None:
    bulk = await bulks.drafted(api)
    good = f'{{"row": 9, "payment": "{payments[0].id}", "reason": "duplicate"}}'
    lines = [
        b'{"row": 2, "payment": "pay_1"',
        b'{"row": 3, "payment": "pay_1", "reason": "because"}',
        b'{"row": 4, "payment": "pay_1", "reason": "duplicate", "colour": "red"}',
        b'{"row": 5, "payment": "pay_1\\u0000", "reason": "duplicate"}',
        b"[]",
        good.encode(),
    ]
    answer = (await bulks.raw(api, bulk, b"\n".join(lines))).json()
    assert answer["accepted"] == 1
    assert [(row["row"], row["code"]) for row in answer["refused"]] == [
        (1, "invalid_row"), (3, "invalid_row"), (4, "invalid_row"), (5, "invalid_row"), (6, "invalid_row"),
    ]  # fmt: skip
    plan = (await api.post(f"/v1/refund-bulks/{bulk}/plan")).json()
    assert (plan["rows"], plan["refused"]) == (6, 5)


async def test_batches_come_in_order_and_each_once(api: httpx.AsyncClient, payments: list[Payment]) -> None:
    bulk = await bulks.drafted(api)
    row = {"payment": payments[0].id}
    assert (await bulks.sent(api, bulk, [row], batch=2)).json()["code"] == "bulk_batch_out_of_order"
    first = await bulks.sent(api, bulk, [row])
    again = await bulks.sent(api, bulk, [row])
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    late = await bulks.sent(api, bulk, [{"payment": payments[1].id}], batch=2, first=2)
    assert (late.status_code, late.json()["code"]) == (400, "invalid_input")
    assert (await bulks.shown(api, bulk))["rows"] == 1
    await api.post(f"/v1/refund-bulks/{bulk}/plan")
    closed = await bulks.sent(api, bulk, [{"payment": payments[1].id}], batch=2, first=9)
    assert (closed.status_code, closed.json()["code"]) == (422, "bulk_closed")


async def test_a_batch_ends_at_1000_rows(api: httpx.AsyncClient, payments: list[Payment]) -> None:
    bulk = await bulks.drafted(api)
    answer = await bulks.sent(api, bulk, [{"payment": payments[0].id}] * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "bulk_too_large")
    answer = await bulks.sent(api, bulk, [{"payment": payments[0].id}] * 1000)
    assert (answer.json()["accepted"], len(answer.json()["refused"])) == (1, 999)


@pytest.mark.parametrize(
    "caps,says",
    [
        ({"max_count": 1}, "2 refunds, and the cap is 1 refund"),
        ({"max_totals": [{"amount": 12_499, "currency": "USD"}]}, "125.00 USD, and the cap is 124.99 USD"),
        ({"max_totals": [{"amount": 1_000_000, "currency": "EUR"}]}, "125.00 USD, and the cap is 0.00 USD"),
    ],
)
async def test_a_plan_beyond_its_caps_is_refused_and_cannot_be_applied(
    api: httpx.AsyncClient, payments: list[Payment], caps: dict[str, Any], says: str
) -> None:
    bulk = await bulks.drafted(api, **caps)
    await bulks.sent(api, bulk, [{"payment": payments[0].id, "amount": "25.00"}, {"payment": payments[1].id}])
    refused = await api.post(f"/v1/refund-bulks/{bulk}/plan")
    assert (refused.status_code, refused.json()["code"], refused.json()["exit_code"]) == (422, "bulk_over_cap", 7)
    assert says in refused.json()["detail"]
    answer = await bulks.applied(api, bulk)
    assert (answer.status_code, answer.json()["code"]) == (422, "bulk_not_planned")


async def test_caps_that_are_just_reached_hold(api: httpx.AsyncClient, payments: list[Payment]) -> None:
    caps = {"max_count": 1, "max_totals": [{"amount": 10_000, "currency": "USD"}]}
    assert (await bulks.planned(api, [{"payment": payments[0].id}], **caps))["state"] == "planned"


def test_a_cap_without_a_currency_of_the_file_is_a_cap_of_nothing() -> None:
    with pytest.raises(BulkOverCap, match=r"0\.01 EUR, and the cap is 0\.00 EUR"):
        policy.hold_caps("bulk_1", 2, [Money(1, "EUR"), Money(1, "USD")], None, [Money(5, "USD")])


async def test_the_digest_knows_the_rows_and_not_how_they_were_batched(
    api: httpx.AsyncClient, payments: list[Payment]
) -> None:
    rows = [{"payment": one.id, "amount": "10.00"} for one in payments]
    whole = await bulks.planned(api, rows)
    bulk = await bulks.drafted(api)
    for number, row in enumerate(rows, start=1):
        await bulks.sent(api, bulk, [row], batch=number, first=number + 5)
    apart = (await api.post(f"/v1/refund-bulks/{bulk}/plan")).json()
    assert apart["digest"] == whole["digest"]
    other = await bulks.planned(api, [*rows[:2], {"payment": payments[2].id, "amount": "10.01"}])
    assert other["digest"] != whole["digest"]


async def test_a_file_without_a_row_is_no_plan(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"/v1/refund-bulks/{await bulks.drafted(api)}/plan")
    assert (answer.status_code, answer.json()["code"]) == (422, "bulk_without_rows")
