"""Canonical JSON: equal values give equal bytes, so that they can be hashed and signed."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=str)


def encode(value: Any) -> bytes:
    """Compact JSON with sorted keys, in UTF-8."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(encode(value)).hexdigest()
