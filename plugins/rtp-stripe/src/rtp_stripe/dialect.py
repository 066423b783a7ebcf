"""What the other end can do: Stripe itself, or a stand-in that can do less."""

from __future__ import annotations

from dataclasses import dataclass

from rtp.errors import InvalidInput


@dataclass(frozen=True)
class Dialect:
    """`keys_kept` are the seconds for which an idempotency key surely holds; later, what it made is looked for first.

    `filters` are lists from an instant on, `descriptions` and `reasons` parameters of charges and refunds, `disputes`
    the whole of them; `newest_first` is the order of lists.
    """

    keys_kept: float = 23 * 3600.0
    filters: bool = True
    descriptions: bool = True
    reasons: bool = True
    disputes: bool = True
    newest_first: bool = True


STRIPE = Dialect()
LOCALSTRIPE = Dialect(
    keys_kept=0.0, filters=False, descriptions=False, reasons=False, disputes=False, newest_first=False
)
STAND_INS = {"": STRIPE, "localstripe": LOCALSTRIPE}


def named(stand_in: str) -> Dialect:
    """The dialect of a stand-in; without a name it is Stripe's own.

    Raises: InvalidInput.
    """
    if stand_in not in STAND_INS:
        raise InvalidInput(what=f"RTP_STRIPE_STAND_IN={stand_in!r} is none of {', '.join(filter(None, STAND_INS))}")
    return STAND_INS[stand_in]
