"""How a refund falls on the lines of its payment, and how much of it is tax. Pure.

Tax is allocated cumulatively: what was returned so far, with this refund, is the share of the whole tax that belongs to
it, rounded once, half away from zero. So any number of partial refunds return exactly the tax of one full refund.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from rtp.errors import InvalidInput
from rtp.kit.money import Money, round_half_away
from rtp.payments.schemas import LinePart, SoldLine
from rtp.refunds.errors import LineExceeded, NoSuchLine, PiecesWorthNothing
from rtp.refunds.schemas import LineAsk


def of_amount(lines: Sequence[SoldLine], amount: int, *, net: bool = False) -> list[LinePart]:
    """An amount over the lines in their order: the first is used up before the next is touched.

    What the lines do not hold is left over; the caller compares the sum.
    """
    parts, rest = [], amount
    for line in lines:
        taken = min(rest, _left(line.net, line.net_held) if net else left(line))
        if taken > 0:
            parts.append(of_net(line, taken) if net else of_gross(line, taken))
            rest -= taken
    return parts


def of_lines(lines: Sequence[SoldLine], asked: Sequence[LineAsk], *, payment: str, net: bool = False) -> list[LinePart]:
    """What is asked of each line.

    Raises: NoSuchLine, LineExceeded, PiecesWorthNothing, InvalidInput for a line that is named twice.
    """
    known = {line.position: line for line in lines}
    parts = []
    for place, ask in enumerate(asked):
        if ask.position not in known:
            raise NoSuchLine(payment=payment, position=ask.position, count=len(lines))
        if any(other.position == ask.position for other in asked[:place]):
            raise _wrong(place, f"line {ask.position} is named twice")
        if ask.amount is not None and ask.quantity is not None:
            raise _wrong(place, f"line {ask.position} has both an amount and a quantity")
        parts.append(_asked(known[ask.position], ask, payment=payment, net=net))
    return parts


def of_gross(line: SoldLine, amount: int) -> LinePart:
    """So much of a line, tax included."""
    whole, taken = line.net.amount + line.tax.amount, line.net_held.amount + line.tax_held.amount
    room = _left(line.net, line.net_held)
    tax = _share(line.tax.amount, taken + amount, whole) - line.tax_held.amount
    tax = min(max(tax, amount - room, 0), _left(line.tax, line.tax_held), amount)
    return LinePart(position=line.position, net=amount - tax, tax=tax)


def of_net(line: SoldLine, amount: int, quantity: int = 0) -> LinePart:
    """So much of a line, to which its tax is added; the last of the net takes all the tax that is left."""
    rest = _left(line.tax, line.tax_held)
    if amount == _left(line.net, line.net_held):
        return LinePart(position=line.position, net=amount, tax=rest, quantity=quantity)
    tax = _share(line.tax.amount, line.net_held.amount + amount, line.net.amount) - line.tax_held.amount
    return LinePart(position=line.position, net=amount, tax=min(max(tax, 0), rest), quantity=quantity)


def left(line: SoldLine) -> int:
    """What refunds have left of a line, tax included."""
    return _left(line.net, line.net_held) + _left(line.tax, line.tax_held)


def total(parts: Iterable[LinePart]) -> int:
    """What the member gets back."""
    return sum(part.net + part.tax for part in parts)


def _asked(line: SoldLine, ask: LineAsk, *, payment: str, net: bool) -> LinePart:
    rest = _left(line.net, line.net_held)
    if ask.quantity is not None:
        return _of_quantity(line, ask.quantity, payment)
    if ask.amount is None:
        whole = of_net(line, rest)
        if not whole.net + whole.tax:
            raise _exceeded(line, payment, str(Money.zero(line.net.currency)))
        return whole
    if ask.amount > (rest if net else left(line)):
        raise _exceeded(line, payment, str(Money(ask.amount, line.net.currency)))
    return of_net(line, ask.amount) if net else of_gross(line, ask.amount)


def _of_quantity(line: SoldLine, quantity: int, payment: str) -> LinePart:
    """The net of so many pieces, counted on from those already returned, so that all of them give the whole net."""
    before, after = line.quantity_held, line.quantity_held + quantity
    if after > line.quantity:
        raise _exceeded(line, payment, f"{quantity} pieces", f"{line.quantity - before} of {line.quantity} pieces")
    net = _share(line.net.amount, after, line.quantity) - _share(line.net.amount, before, line.quantity)
    if net > _left(line.net, line.net_held):
        raise _exceeded(line, payment, f"{quantity} pieces for {Money(net, line.net.currency)}")
    part = of_net(line, net, quantity)
    if not part.net + part.tax:
        raise PiecesWorthNothing(pieces=quantity, position=line.position, payment=payment)
    return part


def _share(whole: int, part: int, of: int) -> int:
    return round_half_away(Fraction(whole * part, of)) if of else whole


def _left(whole: Money, held: Money) -> int:
    return whole.amount - held.amount


def _exceeded(line: SoldLine, payment: str, asked: str, rest: str = "") -> LineExceeded:
    return LineExceeded(
        asked=asked, payment=payment, position=line.position, left=rest or str(Money(left(line), line.net.currency))
    )


def _wrong(place: int, what: str) -> InvalidInput:
    return InvalidInput(what=what, fields={f"lines[{place}]": what})
