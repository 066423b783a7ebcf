"""Signed messages after Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, the body being the bytes as they came.

Source: standard-webhooks.org, specification 1.0.0. A signature header is a list, `v1,… v1,…`, one for each secret that
is valid now; versions that are not known are passed over.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import datetime

TOLERANCE_SECONDS = 300
"""How far a message's own time may lie from ours, in either direction."""
SECRET_PREFIX = "whsec_"
ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
_SECRET_BYTES = range(24, 65)
_ID = re.compile(r"[!-\-/-~]{1,255}")
"""Visible ASCII without the dot, which separates the parts that are signed."""
_TIME = re.compile(r"[0-9]{1,12}")


class Forged(ValueError):
    """A message that nobody signed who knows a secret."""


class Stale(ValueError):
    """A message that was signed rightly, and too long ago or ahead of our time."""


def new_secret() -> str:
    """A secret of 32 random bytes, `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def secret_of(material: bytes) -> str:
    """The secret whose bytes these are.

    Raises: ValueError for fewer than 24 or more than 64 bytes.
    """
    secret = SECRET_PREFIX + base64.b64encode(material).decode()
    key_of(secret)
    return secret


def key_of(secret: str) -> bytes:
    """The bytes behind a secret, with or without its prefix.

    Raises: ValueError, which never repeats the secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a signing secret is whsec_ and base64") from None
    if len(key) not in _SECRET_BYTES:
        raise ValueError(f"a signing secret has 24 to 64 bytes, not {len(key)}")
    return key


def content(id: str, timestamp: int, body: bytes) -> bytes:
    """What is signed, whatever the version.

    Raises: ValueError for an id with a dot or with what no header can carry.
    """
    if not _ID.fullmatch(id):
        raise ValueError("the id of a message is 1 to 255 visible ASCII characters without a dot")
    return f"{id}.{timestamp}.".encode() + body


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """One signature of version 1, `v1,` and base64."""
    made = hmac.digest(key_of(secret), content(id, timestamp, body), hashlib.sha256)
    return "v1," + base64.b64encode(made).decode()


def headers(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed with each secret that is valid now, the newest first."""
    signatures = " ".join(sign(secret, id, timestamp, body) for secret in secrets)
    return {ID_HEADER: id, TIME_HEADER: str(timestamp), SIGNATURE_HEADER: signatures}


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that one of the secrets signed within the tolerance.

    Every signature is compared with every secret in constant time.

    Raises: Forged; Stale for what is signed rightly.
    """
    named = {name.lower(): value for name, value in headers.items()}
    id, time, given = (named.get(name, "") for name in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER))
    if not _TIME.fullmatch(time) or not _ID.fullmatch(id):
        raise Forged("its id or its time is missing or in a form that no sender uses")
    offered = [one.encode() for one in given.split(" ") if one.startswith("v1,")]
    wanted = [sign(secret, id, int(time), body).encode() for secret in secrets]
    held = False
    for mine in wanted:
        for theirs in offered:
            held |= hmac.compare_digest(mine, theirs)
    if not held:
        raise Forged("no signature fits")
    if abs(int(now.timestamp()) - int(time)) > TOLERANCE_SECONDS:
        raise Stale(f"it is more than {TOLERANCE_SECONDS} seconds away from our time")
    return id
