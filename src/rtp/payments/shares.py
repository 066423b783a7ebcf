"""How an amount falls on the lines of a payment, and how much of it is tax. Pure.

Refunds and lost disputes take money off the same lines by the same rule. Tax is allocated cumulatively: what was taken
so far, with this, is the share of the whole tax that belongs to it, rounded once, half away from zero. So any number of
partial refunds and disputes take exactly the tax of one full refund.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from rtp.kit.money import round_half_away
from rtp.payments.schemas import LinePart, SoldLine


def of_amount(lines: Sequence[SoldLine], amount: int, *, net: bool = False) -> list[LinePart]:
    """An amount over the lines in their order: the first is used up before the next is touched.

    What the lines do not hold is left over; the caller compares the sum.
    """
    parts, rest = [], amount
    for line in lines:
        taken = min(rest, net_left(line) if net else left(line))
        if taken > 0:
            parts.append(of_net(line, taken) if net else of_gross(line, taken))
            rest -= taken
    return parts


def of_gross(line: SoldLine, amount: int) -> LinePart:
    """So much of a line, tax included."""
    whole = line.net.amount + line.tax.amount
    tax = share(line.tax.amount, whole - left(line) + amount, whole) - _tax_taken(line)
    tax = min(max(tax, amount - net_left(line), 0), tax_left(line), amount)
    return LinePart(position=line.position, net=amount - tax, tax=tax)


def of_net(line: SoldLine, amount: int, quantity: int = 0) -> LinePart:
    """So much of a line, to which its tax is added; the last of the net takes all the tax that is left."""
    rest = tax_left(line)
    if amount == net_left(line):
        return LinePart(position=line.position, net=amount, tax=rest, quantity=quantity)
    taken = line.net.amount - net_left(line) + amount
    tax = share(line.tax.amount, taken, line.net.amount) - _tax_taken(line)
    return LinePart(position=line.position, net=amount, tax=min(max(tax, 0), rest), quantity=quantity)


def left(line: SoldLine) -> int:
    """What refunds and lost disputes have left of a line, tax included."""
    return net_left(line) + tax_left(line)


def net_left(line: SoldLine) -> int:
    """What they have left of its net."""
    return line.net.amount - line.net_held.amount - line.net_lost.amount


def tax_left(line: SoldLine) -> int:
    """What they have left of its tax."""
    return line.tax.amount - line.tax_held.amount - line.tax_lost.amount


def total(parts: Iterable[LinePart]) -> int:
    """What the parts are together, tax included."""
    return sum(part.net + part.tax for part in parts)


def share(whole: int, part: int, of: int) -> int:
    """The part of a whole, rounded; all of it where there is nothing to share by."""
    return round_half_away(Fraction(whole * part, of)) if of else whole


def _tax_taken(line: SoldLine) -> int:
    return line.tax.amount - tax_left(line)
