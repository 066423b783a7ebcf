"""One value as one cell: for people in a table, for spreadsheets in CSV."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from rtp_commands.words import safe

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_ID = re.compile(r"[a-z]{2,6}_[0-9A-Z]{13,26}$")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?$")
_FORMULA = "=+-@\t\r\0\uff1d\uff0b\uff0d\uff20"
_STYLES = {
    "green": "active succeeded open up ok done applied trialing enabled met held closed delivered",
    "yellow": "pending submitted created starting degraded warning unknown paused past_due queued doing backoff",
    "red": "failed canceled cancelled down suspended expired disabled revoked missed aborted dead refused",
}
STATE_STYLE = {state: style for style, states in _STYLES.items() for state in states.split()}
SYMBOL = {"green": "✓", "yellow": "…", "red": "✗"}
_AGES = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (86400 * 60, 86400, "d"), (86400 * 730, 86400 * 30, "mo"))


class Cell(Struct, frozen=True):
    """Text ready for a terminal, whether it stands right, and its colour."""

    text: str
    right: bool = False
    style: str = ""


def cell(name: str, value: Any, *, terminal: bool, now: datetime | None = None, whole: bool = False) -> Cell:
    """A value for people; on a terminal times are relative, states have a symbol, and ids are cut unless `whole`."""
    if value is None:
        return Cell("-", style="dim" if terminal else "")
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, (int, float)):
        return Cell(f"{value:g}" if isinstance(value, float) else str(value), right=True)
    if is_money(value):
        return Cell(money(value), right=True)
    if isinstance(value, str):
        return _text(name, value, terminal, now, whole)
    return Cell(safe(_inline(value)))


def _text(name: str, value: str, terminal: bool, now: datetime | None, whole: bool) -> Cell:
    if _INSTANT.match(value):
        return Cell(relative(value, now or datetime.now(UTC)) if terminal else minute(value))
    if terminal and name.rpartition(".")[2] in ("state", "status", "verdict") and value in STATE_STYLE:
        style = STATE_STYLE[value]
        return Cell(f"{SYMBOL[style]} {value}", style=style)
    if terminal and not whole and _ID.match(value) and len(value) > 20:
        return Cell(f"{value[: value.index('_') + 7]}…{value[-6:]}")
    return Cell(safe(value))


def is_money(value: Any) -> bool:
    """Whether a value has the form of money on the wire."""
    return isinstance(value, dict) and value.keys() == {"amount", "currency"} and isinstance(value["amount"], int)


def money(value: dict[str, Any]) -> str:
    """`1,234.50 USD`."""
    from rtp.kit.currencies import EXPONENTS

    places = EXPONENTS.get(value["currency"], 2)
    sign, digits = ("-" if value["amount"] < 0 else ""), str(abs(value["amount"])).rjust(places + 1, "0")
    whole, rest = (digits[:-places], "." + digits[-places:]) if places else (digits, "")
    return f"{sign}{int(whole):,}{rest} {safe(str(value['currency']))}"


def relative(text: str, now: datetime) -> str:
    """`3 h ago` or `in 2 d`; beyond two years the date."""
    instant = datetime.fromisoformat(text)
    seconds = (now - instant).total_seconds()
    size = abs(seconds)
    for limit, unit, name in _AGES:
        if size < limit:
            amount = f"{int(size // unit)} {name}"
            return f"{amount} ago" if seconds >= 0 else f"in {amount}"
    return text[:10]


def minute(text: str) -> str:
    """`2026-11-22 21:24` in UTC; the exact instant is in the machine formats."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def spreadsheet(value: Any) -> str:
    """A value for CSV: text that a spreadsheet would run as a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else _json(value)
    if text and text[0] in _FORMULA and not _NUMBER.match(text):
        text = "'" + text
    return "\n".join(safe(line) for line in text.replace("\r\n", "\n").split("\n"))


def _inline(value: Any) -> str:
    if isinstance(value, list) and value and all(is_money(item) for item in value):
        return ", ".join(money(item) for item in value)
    if isinstance(value, list) and all(isinstance(item, (str, int)) for item in value):
        return ", ".join(str(item) for item in value)
    return _json(value)


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode()
