"""A preview that refuses: nothing is taken, so everything is left, and the policy that holds is named all the same."""

from __future__ import annotations

from tests.refunds.desk import Desk


async def test_a_refused_preview_leaves_all_that_there_is_and_names_the_policy_that_holds(desk: Desk) -> None:
    payment = await desk.pay((10_000, 0))
    await desk.rules()
    shown = await desk.preview(payment, amount=99_999)
    assert not shown["allowed"]
    assert (shown["left"], shown["refundable"]) == ({"amount": 10_000, "currency": "USD"},) * 2
    assert shown["policy_version"] == 1


async def test_a_role_without_a_limit_is_named_as_the_role_that_it_is(desk: Desk) -> None:
    payment = await desk.pay((10_000, 0))
    await desk.rules()
    [limit] = [one for one in (await desk.preview(payment))["findings"] if one["rule"] == "limit"]
    assert limit["detail"] == "none is set for the role local"
