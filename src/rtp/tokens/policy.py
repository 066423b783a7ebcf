"""The form of a token: `rtp_`, 30 random base62 characters, 6 of a CRC-32 that is for typos, never for trust."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from datetime import timedelta

from rtp.tokens.errors import TokenLifetimeTooLong

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "rtp_"
MAX_DAYS = 365
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def generate() -> str:
    """A new secret, 178 random bits."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(30))
    return PREFIX + random + _checksum(random)


def well_formed(secret: str) -> bool:
    """Whether a text has the form and the checksum of a token."""
    body = secret.removeprefix(PREFIX)
    return (
        secret.startswith(PREFIX)
        and len(body) == 36
        and all(character in _ALPHABET for character in body)
        and _checksum(body[:30]) == body[30:]
    )


def hashed(secret: str) -> bytes:
    """What is stored: SHA-256; the secret has 178 random bits, so it needs no salt."""
    return hashlib.sha256(secret.encode()).digest()


def lifetime(text: str) -> timedelta:
    """`90d`, `12h` or `2w` as a duration.

    Raises: TokenLifetimeTooLong.
    """
    duration = timedelta(hours=int(text[:-1]) * _HOURS[text[-1]])
    if not timedelta(0) < duration <= timedelta(days=MAX_DAYS):
        raise TokenLifetimeTooLong(limit=MAX_DAYS, asked=text)
    return duration


def _checksum(random: str) -> str:
    number, digits = zlib.crc32(random.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = _ALPHABET[rest] + digits
    return digits
