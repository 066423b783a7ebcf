"""No sequence of partial refunds exceeds or loses a unit of net or tax, whatever fails in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress

from hypothesis import given
from hypothesis import strategies as st

from rtp.kit.money import Money
from rtp.payments import shares
from rtp.payments.schemas import LinePart, SoldLine
from rtp.refunds import allocation
from rtp.refunds.errors import PiecesWorthNothing
from rtp.refunds.schemas import LineAsk

amounts = st.integers(0, 3000)
sold = st.lists(st.tuples(amounts, amounts).filter(any), min_size=1, max_size=4)
"""(net, tax) of each line."""
asked_shares = st.lists(st.tuples(st.integers(1, 100), st.booleans(), st.booleans(), st.booleans()), max_size=12)
"""Percent of what is left, by net, of one line only, failing afterwards."""
shares_and_losses = st.lists(
    st.tuples(st.sampled_from(["refund", "dispute"]), st.integers(1, 100), st.booleans(), st.booleans(), st.booleans()),
    max_size=12,
)
"""The same, or a dispute of so many percent of the whole that is lost."""


def line(net: int, tax: int, *, position: int = 1, quantity: int = 1) -> SoldLine:
    return SoldLine(
        position=position, product="", price="", description="x", quantity=quantity, quantity_held=0,
        net=Money(net, "USD"), tax=Money(tax, "USD"), net_held=Money(0, "USD"), tax_held=Money(0, "USD"),
        net_lost=Money(0, "USD"), tax_lost=Money(0, "USD"),
    )  # fmt: skip


def hold(lines: list[SoldLine], parts: Iterable[LinePart]) -> None:
    """Take parts of lines as the database does, whose CHECKs are these assertions."""
    for part in parts:
        one = lines[part.position - 1]
        one.net_held, one.tax_held = one.net_held + Money(part.net, "USD"), one.tax_held + Money(part.tax, "USD")
        one.quantity_held += part.quantity
        assert_capped(one)


def lose(lines: list[SoldLine], amount: int) -> int:
    """Let a dispute of so much be lost; what the lines had of it."""
    parts = shares.of_amount(lines, amount)
    for part in parts:
        one = lines[part.position - 1]
        one.net_lost, one.tax_lost = one.net_lost + Money(part.net, "USD"), one.tax_lost + Money(part.tax, "USD")
        assert_capped(one)
    return shares.total(parts)


def assert_capped(one: SoldLine) -> None:
    nothing = Money(0, "USD")
    assert min(one.net_held, one.net_lost, one.tax_held, one.tax_lost) >= nothing
    assert one.net_held + one.net_lost <= one.net
    assert one.tax_held + one.tax_lost <= one.tax
    assert 0 <= one.quantity_held <= one.quantity


def taken(lines: list[SoldLine], percent: int, net: bool, single: bool) -> list[LinePart]:
    """A part of what is left, over all lines or of the first that has something left."""
    rest = [allocation.left(one) for one in lines]
    nets = [shares.net_left(one) for one in lines]
    if not single:
        asked = max(1, sum(nets if net else rest) * percent // 100)
        return allocation.of_amount(lines, asked, net=net)
    place = next((place for place, left in enumerate(nets if net else rest) if left), None)
    if place is None:
        return []
    asked = max(1, (nets if net else rest)[place] * percent // 100)
    return allocation.of_lines(lines, [LineAsk(position=place + 1, amount=asked)], payment="pay_1", net=net)


@given(sold, asked_shares)
def test_no_sequence_of_partial_refunds_exceeds_or_loses_a_unit(
    given: list[tuple[int, int]], steps: list[tuple[int, bool, bool, bool]]
) -> None:
    lines = [line(net, tax, position=place) for place, (net, tax) in enumerate(given, start=1)]
    returned = 0
    for percent, net, single, fails in steps:
        parts = taken(lines, percent, net, single)
        hold(lines, parts)
        if fails:
            hold(lines, [-part for part in parts])
        else:
            returned += allocation.total(parts)
    rest = allocation.of_amount(lines, sum(allocation.left(one) for one in lines))
    hold(lines, rest)
    assert returned + allocation.total(rest) == sum(net + tax for net, tax in given)
    assert all((one.net_held, one.tax_held) == (one.net, one.tax) for one in lines)


@given(sold, shares_and_losses)
def test_no_row_of_refunds_and_lost_disputes_takes_more_than_a_line_or_loses_a_unit(
    given: list[tuple[int, int]], steps: list[tuple[str, int, bool, bool, bool]]
) -> None:
    """Refunds that hold or fail and disputes of any size, in any order; then the rest is refunded."""
    lines = [line(net, tax, position=place) for place, (net, tax) in enumerate(given, start=1)]
    gone = 0
    for what, percent, net, single, fails in steps:
        if what == "dispute":
            gone += lose(lines, sum(net + tax for net, tax in given) * percent // 100)
            continue
        parts = taken(lines, percent, net, single)
        hold(lines, parts)
        if fails:
            hold(lines, [-part for part in parts])
        else:
            gone += allocation.total(parts)
    rest = allocation.of_amount(lines, sum(allocation.left(one) for one in lines))
    hold(lines, rest)
    assert gone + allocation.total(rest) == sum(net + tax for net, tax in given)
    assert all((one.net_held + one.net_lost, one.tax_held + one.tax_lost) == (one.net, one.tax) for one in lines)


@given(st.integers(1, 3000), amounts, st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=15))
def test_a_lost_dispute_takes_the_tax_that_a_refund_of_as_much_would_have_taken(
    net: int, tax: int, steps: list[tuple[bool, int]]
) -> None:
    mixed, refunded = [line(net, tax)], [line(net, tax)]
    for lost, amount in steps:
        if lost:
            lose(mixed, amount)
        else:
            hold(mixed, allocation.of_amount(mixed, amount))
        hold(refunded, allocation.of_amount(refunded, amount))
        assert shares.tax_left(mixed[0]) == shares.tax_left(refunded[0])


@given(amounts.filter(bool), amounts, st.lists(st.integers(1, 400), max_size=15))
def test_the_tax_of_partial_refunds_is_never_more_than_half_a_unit_from_its_share(
    net: int, tax: int, parts: list[int]
) -> None:
    lines = [line(net, tax)]
    for part in parts:
        hold(lines, allocation.of_amount(lines, part, net=True))
        assert abs(lines[0].tax_held.amount * net - tax * lines[0].net_held.amount) * 2 <= net


@given(st.integers(1, 3000), amounts, st.integers(1, 12), st.lists(st.integers(1, 4), max_size=12))
def test_pieces_return_the_whole_net_once_all_of_them_are_back(
    net: int, tax: int, quantity: int, asked: list[int]
) -> None:
    lines = [line(net, tax, quantity=quantity)]
    for pieces in asked:
        if lines[0].quantity_held + pieces < quantity:
            with suppress(PiecesWorthNothing):
                hold(lines, allocation.of_lines(lines, [LineAsk(position=1, quantity=pieces)], payment="pay_1"))
    rest = quantity - lines[0].quantity_held
    with suppress(PiecesWorthNothing) if allocation.left(lines[0]) == 0 else nullcontext():
        hold(lines, allocation.of_lines(lines, [LineAsk(position=1, quantity=rest)], payment="pay_1"))
        assert lines[0].quantity_held == quantity
    assert (lines[0].net_held, lines[0].tax_held) == (lines[0].net, lines[0].tax)


@given(sold, st.integers(1, 30_000))
def test_an_amount_is_met_exactly_or_all_that_is_left_is_taken(given: list[tuple[int, int]], asked: int) -> None:
    lines = [line(net, tax, position=place) for place, (net, tax) in enumerate(given, start=1)]
    assert allocation.total(allocation.of_amount(lines, asked)) == min(asked, sum(net + tax for net, tax in given))
