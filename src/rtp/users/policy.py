"""Rules of users: how e-mails compare, which zones exist, which moves a status allows. No I/O."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache
from zoneinfo import available_timezones

from rtp.users.errors import UnknownTimezone, UserStateRefused
from rtp.users.schemas import UserStatus

MOVES: dict[tuple[UserStatus, str], UserStatus] = {
    ("active", "suspend"): "suspended",
    ("suspended", "restore"): "active",
}
"""(from, event) → to; every other move is refused."""


def moved(user: str, state: UserStatus, event: str) -> UserStatus:
    """The status after an event.

    Raises: UserStateRefused.
    """
    if (to := MOVES.get((state, event))) is None:
        raise UserStateRefused(user=user, state=state, event=event)
    return to


def email_hash(email: str) -> bytes:
    """SHA-256 of the e-mail as it compares: NFC, case-folded, without surrounding space."""
    return hashlib.sha256(unicodedata.normalize("NFC", email.strip()).casefold().encode()).digest()


def check_timezone(name: str) -> str:
    """The zone's name if it exists.

    Raises: UnknownTimezone.
    """
    if name not in _zones():
        raise UnknownTimezone(timezone=name)
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
