"""Stored answers of writes, by Idempotency-Key: the same key and body get the same answer (RFC draft idempotency-key).

The record is written in the effect's own transaction; a refusal stores nothing.
"""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import insert, select, text

from rtp.db.frame import Frame
from rtp.db.records import stored_answers
from rtp.errors import ExitCode, RtpError


class IdempotencyKeyMissing(RtpError):
    """{operation} moves money, so it needs an Idempotency-Key."""

    status = 400
    hint = "Send a fresh random key for each new intent, and the same key when you repeat one."


class IdempotencyKeyReused(RtpError):
    """The Idempotency-Key {key} was already used for another request ({operation})."""

    status = 422
    exit_code = ExitCode.CONFLICT
    still = "Nothing was changed."


class IdempotencyInProgress(RtpError):
    """A request with the Idempotency-Key {key} is still running."""

    status = 409
    retryable = True
    hint = "Repeat the same request in a moment; it then gets the stored answer."


class StoredAnswer(msgspec.Struct, frozen=True):
    """A finished answer: HTTP status and body."""

    status: int
    body: bytes


async def find(frame: Frame, key: str, fingerprint: str) -> StoredAnswer | None:
    """Take the key for this transaction and look for a finished answer.

    Raises: IdempotencyInProgress, IdempotencyKeyReused.
    """
    lock = hashlib.sha256(f"{frame.principal.id}\0{key}".encode()).digest()[:8]
    taken = await frame.first(
        text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": int.from_bytes(lock, "big", signed=True)}
    )
    if taken is None or not taken[0]:
        raise IdempotencyInProgress(key=key)
    row = await frame.first(
        select(stored_answers).where(stored_answers.c.scope == frame.principal.id, stored_answers.c.key == key)
    )
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused(key=key, operation=row.operation)
    return StoredAnswer(row.status, bytes(row.body))


async def store(frame: Frame, key: str, fingerprint: str, answer: StoredAnswer) -> None:
    """Keep the answer with the effect."""
    await frame.execute(
        insert(stored_answers),
        {
            "scope": frame.principal.id,
            "key": key,
            "fingerprint": fingerprint,
            "operation": frame.operation,
            "status": answer.status,
            "body": answer.body,
            "created_at": frame.now,
        },
    )
