"""Kinds of text that cross the API, with their limits; NUL is refused because PostgreSQL cannot store it."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from msgspec import Meta, Struct, structs

Short = Annotated[str, Meta(min_length=1, max_length=200)]
"""A name or title: 1 to 200 characters."""
Long = Annotated[str, Meta(min_length=1, max_length=5000)]
"""A note: 1 to 5,000 characters."""
EMAIL = r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\".]+$"
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL)]
"""An e-mail address, at most 254 characters (RFC 5321 §4.5.3.1)."""
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
"""An IANA time zone name."""


def mailbox(email: str) -> str:
    """The address that mail to this one reaches: without letter case, and without what stands behind a +."""
    name, _, domain = unicodedata.normalize("NFC", email.strip()).casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def counted(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`: a number of things as people say it, of a noun whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def escaped(raw: bytes) -> str:
    """Bytes as text that does nothing to a terminal, a log or a database."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)


def find_nul(value: Any, path: str = "") -> str | None:
    """The path of the first text with a NUL in it, or None."""
    if isinstance(value, str):
        return (path or "value") if "\0" in value else None
    if isinstance(value, Struct):
        value = structs.asdict(value)
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, (list, tuple)):
        pairs = enumerate(value)
    for key, item in pairs:
        if (found := find_nul(item, f"{path}.{key}" if path else str(key))) is not None:
            return found
    return None
