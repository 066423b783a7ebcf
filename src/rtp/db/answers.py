"""Stored answers of writes, by Idempotency-Key: the same key and body get the same answer (RFC draft idempotency-key).

The record is written in the effect's own transaction; a refusal stores nothing.
"""

from __future__ import annotations

import hashlib
from functools import cache

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rtp.db import versions
from rtp.db.frame import Frame
from rtp.db.prepared import Prepared
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


@cache
def _finding(telling: bool) -> Prepared:
    told = "".join(f', ({sql}) AS "{name}"' for name, sql in versions.TOLD.items() if telling)
    return Prepared(
        text(
            f"""
    SELECT pg_try_advisory_xact_lock(:lock) AS taken, a.fingerprint, a.operation, a.status, a.body {told}
    FROM (VALUES (1)) AS always LEFT JOIN stored_answers a ON a.scope = :scope AND a.key = :key
    """  # noqa: S608 - names and queries of our own
        )
    )


async def find(frame: Frame, key: str, fingerprint: str, *, telling: bool = False) -> StoredAnswer | None:
    """Take the key for this transaction and look for a finished answer.

    With `telling`, the frame is told which versions hold, by `rtp.db.versions`: the schema must be known to be current.
    One that was committed just between the look and the lock is not seen: then keeping a second one fails on the key.
    Raises: IdempotencyInProgress, IdempotencyKeyReused.
    """
    lock = hashlib.sha256(f"{frame.principal.id}\0{key}".encode()).digest()[:8]
    number = int.from_bytes(lock, "big", signed=True)
    row = await frame.first(_finding(telling), {"lock": number, "scope": frame.principal.id, "key": key})
    if row is None or not row.taken:
        raise IdempotencyInProgress(key=key)
    if telling:
        frame.versions = {name: getattr(row, name) for name in versions.TOLD}
    if row.fingerprint is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused(key=key, operation=row.operation)
    return StoredAnswer(row.status, bytes(row.body))


class first_of_its_key:  # noqa: N801 - a context manager that reads as a phrase
    """Tells a write that another one with its key had been committed just before it looked to come again."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, IntegrityError):
            diagnosis = getattr(error.orig, "diag", None)
            if getattr(diagnosis, "constraint_name", "") == "stored_answers_pkey":
                raise IdempotencyInProgress(key=self.key) from error
