"""Signed, opaque cursors: a page starts after the last row's unique key, never at an offset."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

_VERSION = 1
_SIGNATURE = 12


class BadCursor(ValueError):
    """A cursor that this server did not make, or made for another list."""


def sign(secret: bytes, scope: str, key: list[Any]) -> str:
    """A cursor that continues after `key` in the list named by `scope` (operation, filters and order)."""
    payload = msgspec.json.encode([_VERSION, key])
    mark = hmac.digest(secret, scope.encode() + b"\0" + payload, hashlib.sha256)[:_SIGNATURE]
    return base64.urlsafe_b64encode(mark + payload).rstrip(b"=").decode()


def verify(secret: bytes, scope: str, cursor: str) -> list[Any]:
    """The key behind a cursor.

    Raises: BadCursor.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadCursor("the cursor is not one of this server's") from error
    mark, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    wanted = hmac.digest(secret, scope.encode() + b"\0" + payload, hashlib.sha256)[:_SIGNATURE]
    if not hmac.compare_digest(mark, wanted):
        raise BadCursor("the cursor belongs to another list, filter or order, or was changed")
    version, key = msgspec.json.decode(payload)
    if version != _VERSION or not isinstance(key, list):
        raise BadCursor("the cursor is from another version of the server")
    return key
