"""What a refund asks of the lines of its payment, by amount or by pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rtp.errors import InvalidInput
from rtp.kit.money import Money
from rtp.payments import shares
from rtp.payments.schemas import LinePart, SoldLine
from rtp.refunds.errors import LineExceeded, NoSuchLine, PiecesWorthNothing
from rtp.refunds.schemas import LineAsk

of_amount = shares.of_amount
left = shares.left
total = shares.total


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


def _asked(line: SoldLine, ask: LineAsk, *, payment: str, net: bool) -> LinePart:
    rest = shares.net_left(line)
    if ask.quantity is not None:
        return _of_quantity(line, ask.quantity, payment)
    if ask.amount is None:
        whole = shares.of_net(line, rest)
        if not whole.net + whole.tax:
            raise _exceeded(line, payment, str(Money.zero(line.net.currency)))
        return whole
    if ask.amount > (rest if net else left(line)):
        raise _exceeded(line, payment, str(Money(ask.amount, line.net.currency)))
    return shares.of_net(line, ask.amount) if net else shares.of_gross(line, ask.amount)


def _of_quantity(line: SoldLine, quantity: int, payment: str) -> LinePart:
    """The net of so many pieces, counted on from those already returned, so that all of them give the whole net."""
    before, after = line.quantity_held, line.quantity_held + quantity
    if after > line.quantity:
        raise _exceeded(line, payment, f"{quantity} pieces", f"{line.quantity - before} of {line.quantity} pieces")
    sold = line.net.amount
    net = shares.share(sold, after, line.quantity) - shares.share(sold, before, line.quantity)
    if net > shares.net_left(line):
        raise _exceeded(line, payment, f"{quantity} pieces for {Money(net, line.net.currency)}")
    part = shares.of_net(line, net, quantity)
    if not part.net + part.tax:
        raise PiecesWorthNothing(pieces=quantity, position=line.position, payment=payment)
    return part


def _exceeded(line: SoldLine, payment: str, asked: str, rest: str = "") -> LineExceeded:
    return LineExceeded(
        asked=asked, payment=payment, position=line.position, left=rest or str(Money(left(line), line.net.currency))
    )


def _wrong(place: int, what: str) -> InvalidInput:
    return InvalidInput(what=what, fields={f"lines[{place}]": what})
