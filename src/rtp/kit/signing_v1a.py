"""Messages signed after Standard Webhooks, version 1a: Ed25519, so that a receiver holds nothing that can sign.

Source: standard-webhooks.org, specification 1.0.0: what is signed is the same as in version 1 (`rtp.kit.signing`).
"""

from __future__ import annotations

import base64
import binascii
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rtp.kit import signing
from rtp.kit.signing import ID_HEADER, SIGNATURE_HEADER, TIME_HEADER, TOLERANCE_SECONDS, Forged, Stale

PUBLIC_PREFIX = "whpk_"
_VERSION = "v1a,"


def new_private() -> bytes:
    """A private key: 32 random bytes (RFC 8032 §5.1.5)."""
    return random.token_bytes(32)


def public_of(private: bytes) -> str:
    """The public key of a private one, `whpk_` and base64."""
    made = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return PUBLIC_PREFIX + base64.b64encode(made).decode()


def sign(private: bytes, id: str, timestamp: int, body: bytes) -> str:
    """One signature of version 1a, `v1a,` and base64."""
    made = Ed25519PrivateKey.from_private_bytes(private).sign(signing.content(id, timestamp, body))
    return _VERSION + base64.b64encode(made).decode()


def headers(privates: Sequence[bytes], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed with each key that is valid now, the newest first."""
    signatures = " ".join(sign(private, id, timestamp, body) for private in privates)
    return {ID_HEADER: id, TIME_HEADER: str(timestamp), SIGNATURE_HEADER: signatures}


def verify(publics: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that one of the keys signed within the tolerance.

    Raises: Forged, and Stale for what is signed rightly.
    """
    named = {name.lower(): value for name, value in headers.items()}
    id, time, given = (named.get(name, "") for name in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER))
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        raise Forged("its time is missing or in a form that no sender uses")
    try:
        content = signing.content(id, int(time), body)
    except ValueError as error:
        raise Forged(str(error)) from error
    offered = [_bytes(one.removeprefix(_VERSION)) for one in given.split(" ") if one.startswith(_VERSION)]
    keys = [Ed25519PublicKey.from_public_bytes(_bytes(one.removeprefix(PUBLIC_PREFIX))) for one in publics]
    if not any(_fits(key, signature, content) for key in keys for signature in offered):
        raise Forged("no signature fits")
    if abs(int(now.timestamp()) - int(time)) > TOLERANCE_SECONDS:
        raise Stale(f"it is more than {TOLERANCE_SECONDS} seconds away from our time")
    return id


def _fits(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
