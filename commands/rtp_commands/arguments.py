"""Types of arguments: instants, amounts, ids that name what they are, and text that can be sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, NamedTuple, TypeVar

import typer

from rtp_commands.words import printable_input

T = TypeVar("T")
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def refusing(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A parser whose ValueError is shown as it is; Typer alone would show only the value."""

    @wraps(parse)
    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return parsed


@refusing
def instant(text: str) -> str:
    """An RFC 3339 instant in UTC from a date, an instant, or a span back from now such as `7d`."""
    if match := re.fullmatch(r"([0-9]{1,6})([smhdw])", text):
        return _utc(datetime.now(UTC) - timedelta(seconds=int(match[1]) * _SPANS[match[2]]))
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date, instant or span (2026-11-01, 2026-11-01T12:00Z, 24h, 7d)") from None
    return _utc(value if value.tzinfo else value.replace(tzinfo=UTC))


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Asked(NamedTuple):
    """An amount as it was typed: its text, and the currency where one was given."""

    text: str
    currency: str | None

    @property
    def code(self) -> str:
        """The currency: the one typed, else USD; sent along, so that a server with another one refuses."""
        return self.currency or "USD"

    def minor(self, currency: str | None = None) -> int:
        """Minor units in the currency, exact.

        Raises: ValueError for more places than the currency has.
        """
        from rtp.kit.money import Money

        return Money.parse(self.text, currency or self.code).amount


@refusing
def amount(text: str) -> Asked:
    """`25.00` or `25.00 USD`: a positive decimal; the places are checked against the currency."""
    number, _, currency = text.strip().partition(" ")
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", number):
        raise ValueError(f"{text!r} is not an amount such as 25.00")
    if not float(number):
        raise ValueError("an amount is more than zero")
    asked = Asked(number, currency.strip().upper() or None)
    from rtp.kit.currencies import EXPONENTS

    if asked.currency and asked.currency not in EXPONENTS:
        raise ValueError(f"unknown currency {asked.currency!r}")
    most = EXPONENTS[asked.currency] if asked.currency else max(EXPONENTS.values())
    if len(number.partition(".")[2]) > most:
        raise ValueError(f"{number!r} has more decimal places than {asked.currency or 'any currency'} has ({most})")
    return asked


class AskedLine(NamedTuple):
    """A line of a payment as it was typed: its number, and an amount or a number of pieces of it."""

    position: int
    amount: Asked | None
    pieces: int | None
    text: str


@refusing
def line(text: str) -> AskedLine:
    """`2`, `2:25.00` or `2=3`: a whole line, an amount of it, pieces of it."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})(?::(.+)|=([1-9][0-9]{0,5}))?", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no line such as 1, 1:25.00 (an amount of it) or 1=2 (pieces of it)")
    asked = amount(found[2]) if found[2] else None
    return AskedLine(int(found[1]), asked, int(found[3]) if found[3] else None, text.strip())


def id_or_key(prefix: str, noun: str, *, key: str = "", pattern: str = "") -> Callable[[str], str]:
    """A parser for an argument that names a thing by its id or its natural key (`key` says which)."""

    @refusing
    def parse(text: str) -> str:
        text = printable_input(text.strip())
        found = re.match(r"([a-z]+)_[0-9A-Za-z]{13,26}$", text)
        if found and found[1] != prefix:
            from rtp.kit.ids import NOUNS

            if found[1] in NOUNS:
                raise ValueError(f"that is {_a(NOUNS[found[1]])} id, and {_a(noun)} is wanted ({prefix}_…)")
        if found and found[1] == prefix:
            return text
        if not key:
            raise ValueError(f"{text!r} is not {_a(noun)} id ({prefix}_…)")
        if pattern and not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is neither {_a(noun)} id ({prefix}_…) nor {_a(key)}")
        return text

    return parse


def _a(noun: str) -> str:
    return ("an " if noun[0] in "aeio" else "a ") + noun


Amount = Annotated[Asked, typer.Option("--amount", metavar="AMOUNT", parser=amount, help="Such as 25.00.")]
User = Annotated[
    str,
    typer.Argument(
        metavar="USER",
        parser=id_or_key("usr", "user", key="e-mail", pattern=r"[^@\s]+@[^@\s]+"),
        help="Id (usr_…) or e-mail.",
    ),
]
PAYMENT = id_or_key("pay", "payment")
Payment = Annotated[str, typer.Argument(metavar="PAYMENT", parser=PAYMENT, help="Id of the payment (pay_…).")]
UserFilter = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="USER",
        parser=id_or_key("usr", "user", key="e-mail", pattern=r"[^@\s]+@[^@\s]+"),
        help="Id or e-mail of a member.",
    ),
]
