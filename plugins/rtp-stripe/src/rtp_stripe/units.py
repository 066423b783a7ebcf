"""Amounts in Stripe's units, which for some currencies are not those of ISO 4217; pure.

Source: docs.stripe.com/currencies, "Zero-decimal currencies", "Three-decimal currencies" and "Special cases".
"""

from __future__ import annotations

from rtp.kit.currencies import EXPONENTS
from rtp.kit.money import Money
from rtp.payments.errors import ProviderRefused

ZERO = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
THREE = frozenset("BHD JOD KWD OMR TND".split())
WHOLE = frozenset({"ISK"})
"""Written with two places, of which both are 0."""
UNCLEAR = frozenset({"UGX"})
"""Stripe's pages name it zero-decimal in one place and two-decimal in another: a factor of 100 is no guess to make."""
LAST_PLACE = {**dict.fromkeys(THREE, 10), **dict.fromkeys(WHOLE, 100)}


def to_stripe(money: Money) -> int:
    """An amount in Stripe's units; nothing is rounded.

    Raises: ProviderRefused for what is not positive, and for what Stripe cannot write.
    """
    if money.amount <= 0:
        raise ProviderRefused(why=f"{money} is not an amount to move")
    units, rest = _scaled(money.amount, places(money.currency) - EXPONENTS[money.currency])
    if rest or units % LAST_PLACE.get(money.currency, 1):
        raise ProviderRefused(why=f"Stripe takes no amount of {money.currency} as fine as {money}")
    return units


def from_stripe(units: int, currency: str) -> Money:
    """An amount of Stripe's in ours.

    Raises: ProviderRefused for what we cannot write.
    """
    code = currency.upper()
    if code not in EXPONENTS:
        raise ProviderRefused(why=f"Stripe has an amount in {code!r}, which is no currency here")
    amount, rest = _scaled(units, EXPONENTS[code] - places(code))
    if rest:
        raise ProviderRefused(why=f"Stripe has {units} units of {code}, which is finer than {code} is here")
    return Money(amount, code)


def places(currency: str) -> int:
    """Decimal places of Stripe's amounts in a currency.

    Raises: ProviderRefused.
    """
    if currency in UNCLEAR:
        raise ProviderRefused(why=f"how Stripe counts {currency} is not clear, so no {currency} is moved")
    return 0 if currency in ZERO else 3 if currency in THREE else 2


def _scaled(amount: int, by: int) -> tuple[int, int]:
    return (amount * 10**by, 0) if by >= 0 else divmod(amount, 10**-by)
