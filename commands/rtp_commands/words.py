"""Text from people and servers: what may be sent, what may be shown, how wide it is, what a typo meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

WIDEST = 100
"""Columns that nothing for a person goes beyond, however wide their terminal is."""
_UNSAFE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"


@cache
def _unsafe() -> re.Pattern[str]:
    """Control characters, C1, bidi marks, line separators and surrogates; compiled when text beyond ASCII comes."""
    return re.compile(_UNSAFE)


def printable_input(text: str) -> str:
    """The text, if it can be sent at all.

    Raises: ValueError for invalid UTF-8 or a NUL byte.
    """
    if "\x00" in text:
        raise ValueError("the text holds a NUL byte")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text is not valid UTF-8") from error
    return text


def safe(text: str) -> str:
    """Text for a terminal: control characters, line breaks and bidi marks as escapes, so that they do nothing."""
    if text.isascii() and text.isprintable():
        return text
    return _unsafe().sub(lambda match: _escape(match[0]), text)


def safe_json(text: str) -> str:
    """JSON text with the characters that steer a terminal as JSON escapes; line breaks between values stay."""
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return _unsafe().sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in named:
        return named[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def width(text: str) -> int:
    """Columns that a text takes in a terminal (East Asian Width, UAX #11; combining marks take none)."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text filled with spaces up to a number of columns."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def closest(word: str, known: Iterable[str]) -> list[str]:
    """What a mistyped word most likely meant, best first."""
    import difflib

    return difflib.get_close_matches(word, sorted(set(known)), n=3, cutoff=0.6)
