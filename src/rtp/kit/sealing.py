"""Small secrets at rest: AES-256-GCM under a key of the instance, each bound to what it belongs to."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Unsealable(ValueError):
    """A sealed secret that this key cannot open, or that was sealed for something else."""


class Seal:
    """Closes and opens secrets; whoever reads the database alone cannot."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, b"rtp secrets at rest", hashlib.sha256))

    def close(self, secret: bytes, about: str) -> bytes:
        """The secret sealed; `about` names its owner and is needed to open it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """The secret again.

        Raises: Unsealable.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise Unsealable("this instance's key does not open it") from error
