"""Ids: users are 63-bit integers, everything else is a UUIDv7; both end in the user's logical shard.

A user id is 42 bits of milliseconds and 21 that start random in each millisecond and count up in the process, borrowing
the next millisecond when full. The last 10 bits of every id of a user's row equal `user_id % 1024`, so any id finds its
shard. Shown as `usr_` + 13, or prefix + `_` + 26 Crockford base32 characters. UUIDv7 is RFC 9562 §5.7.
"""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_FORM = re.compile(r"[0-9A-TV-Z]+")
_DIGITS = str.maketrans(_ALPHABET + "OIL", "0123456789abcdefghijklmnopqrstuv" + "011")
"""To the digits that `int` reads in base 32; Crockford takes O for 0, and I and L for 1."""
USER_PREFIX = "usr"
SHARDS = 1024
NOUNS = {
    "usr": "user",
    "note": "note",
    "stf": "staff",
    "tok": "token",
    "aud": "audit entry",
    "evt": "event",
    "plan": "plan",
    "price": "price",
    "prod": "product",
    "sub": "subscription",
    "pay": "payment",
    "pm": "payment method",
    "rfd": "refund",
    "dsp": "dispute",
    "rec": "reconciliation",
    "ras": "set-aside difference",
    "adj": "adjustment of a balance",
    "led": "ledger transaction",
    "ent": "entitlement",
    "job": "job",
    "saga": "saga",
    "bulk": "bulk refund",
    "op": "operation of the local journal",
    "brk": "breaker",
    "run": "run",
    "we": "webhook endpoint",
    "whs": "secret of a webhook endpoint",
    "whd": "webhook delivery",
    "inv": "invoice",
    "imp": "import",
    "whr": "received webhook",
}
"""What each prefix stands for."""


class WrongId(ValueError):
    """A text that is not an id of the wanted kind; says what it is."""


class IdSource:
    """Makes ids; with a seed and an instant it makes the same ones again, which a plan needs."""

    def __init__(self, seed: int | None = None, millis: int | None = None) -> None:
        self._random: random.Random = random.Random(seed) if seed is not None else secrets.SystemRandom()
        self._fixed = millis
        self._last = 0
        self._count = 0
        self._lock = threading.Lock()

    def _millis(self) -> int:
        return self._fixed if self._fixed is not None else time.time_ns() // 1_000_000

    def user_id(self) -> int:
        """A new user id, 0 <= id < 2**63."""
        with self._lock:
            now = max(self._millis(), self._last)
            if now > self._last:
                self._count = self._random.getrandbits(21)
            else:
                self._count += 1
                if self._count >> 21:
                    now, self._count = now + 1, 0
            self._last = now
            return ((now & (1 << 42) - 1) << 21) | self._count

    def uuid(self, user_id: int | None = None) -> UUID:
        """A new UUIDv7; with a user, its last 10 bits are the user's logical shard."""
        drawn = self._random.getrandbits(74)
        high, low = drawn >> 62, drawn & (1 << 62) - 1
        if user_id is not None:
            low = low & ~(SHARDS - 1) | user_id % SHARDS
        return UUID(int=self._millis() << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def shard(value: int | UUID) -> int:
    """The logical shard, 0..1023, that a user id or any id of a user's row belongs to."""
    return (value if isinstance(value, int) else value.int) % SHARDS


def show_user(user_id: int) -> str:
    """`usr_` and 13 characters."""
    return f"{USER_PREFIX}_{_encode(user_id, 13)}"


@lru_cache(maxsize=4096)  # a request asks for the same few ids again and again
def show(prefix: str, value: UUID) -> str:
    """The prefix and 26 characters."""
    return f"{prefix}_{_encode(value.int, 26)}"


def parse_user(text: str) -> int:
    """The user id behind `usr_…`.

    Raises: WrongId, which names what the text is instead.
    """
    number = _decode(USER_PREFIX, text, 13)
    if number >> 63:
        raise WrongId(f"{text!r} is not a user id")
    return number


@lru_cache(maxsize=4096)
def parse(prefix: str, text: str) -> UUID:
    """The UUID behind `prefix_…`.

    Raises: WrongId, which names what the text is instead.
    """
    number = _decode(prefix, text, 26)
    if number >> 128:
        raise WrongId(f"{text!r} is not {_with_article(NOUNS[prefix])} id")
    return UUID(int=number)


def parse_or(prefix: str, text: str, missing: Callable[..., Exception]) -> UUID:
    """The UUID behind `prefix_…`, where a text that is no such id names nothing that is there.

    Raises: what `missing` makes of the text as its `key`.
    """
    try:
        return parse(prefix, text)
    except WrongId as error:
        raise missing(key=text) from error


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def _encode(number: int, length: int) -> str:
    even = length + length % 2
    return "".join([_PAIRS[number >> place & 1023] for place in range(5 * even - 10, -1, -10)])[-length:]


def _decode(prefix: str, text: str, length: int) -> int:
    found, separator, digits = text.strip().partition("_")
    wanted = NOUNS.get(prefix, prefix)
    if separator and found != prefix and found in NOUNS:
        raise WrongId(
            f"{text!r} is {_with_article(NOUNS[found])} id, and {_with_article(wanted)} id ({prefix}_…) is wanted"
        )
    upper = digits.upper()
    if found != prefix or len(upper) != length or not _FORM.fullmatch(upper):
        raise WrongId(f"{text!r} is not {_with_article(wanted)} id ({prefix}_ and {length} characters)")
    return int(upper.translate(_DIGITS), 32)
