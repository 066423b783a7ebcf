"""Importing users: a batch of NDJSON lines, taken set-wise; a broken line is refused alone."""

from __future__ import annotations

import msgspec

from rtp.db.frame import Frame
from rtp.kit.text import find_nul
from rtp.users import policy, repository
from rtp.users.errors import ImportTooLarge, UnknownTimezone
from rtp.users.schemas import MAX_IMPORT_ROWS, ImportResult, ImportRow, RefusedRow

_decoder = msgspec.json.Decoder(ImportRow)
_loose = msgspec.json.Decoder()


async def import_batch(frame: Frame, data: bytes) -> ImportResult:
    """Add the members of one batch; who exists already is left as is, so the same file twice creates nothing.

    Raises: ImportTooLarge.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > MAX_IMPORT_ROWS:
        raise ImportTooLarge(rows=len(lines), limit=MAX_IMPORT_ROWS)
    rows: dict[bytes, tuple[int, bytes, str, str, str]] = {}
    refused: list[RefusedRow] = []
    taken = 0
    for place, line in enumerate(lines, start=1):
        try:
            row = _checked(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, UnknownTimezone, ValueError) as error:
            refused.append(_refusal(place, line, error))
            continue
        taken += 1
        hashed = policy.email_hash(row.email)
        rows.setdefault(hashed, (frame.ids.user_id(), hashed, row.email, row.name, row.timezone))
    metadata = msgspec.json.encode(frame.event_metadata(None)).decode()
    created = await repository.import_rows(frame, list(rows.values()), metadata) if rows else set()
    result = ImportResult(created=len(created), existing=taken - len(created), refused=refused)
    frame.summary = {"created": result.created, "existing": result.existing, "refused": len(refused)}
    return result


def _checked(line: bytes) -> ImportRow:
    row = _decoder.decode(line)
    policy.check_timezone(row.timezone)
    # In JSON a NUL can only stand as this escape, and looking for that is far cheaper than walking every row.
    if b"\\u0000" in line and (path := find_nul(row)) is not None:
        raise ValueError(f"{path} contains a NUL character")
    return row


def _refusal(place: int, line: bytes, error: Exception) -> RefusedRow:
    try:
        loose = _loose.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        loose = {}
    row = loose.get("row") if isinstance(loose, dict) else None
    email = loose.get("email") if isinstance(loose, dict) else None
    code = "unknown_timezone" if isinstance(error, UnknownTimezone) else "invalid_row"
    return RefusedRow(
        row=row if isinstance(row, int) else place,
        email=email.replace("\0", "\\0") if isinstance(email, str) else "",
        code=code,
        message=str(error),
    )
