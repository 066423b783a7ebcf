"""Taking in the rows of a file, a batch at a time: each is checked against its payment and the rows before it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from rtp.db.frame import Frame
from rtp.errors import InvalidInput, RtpError
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.kit.text import find_nul
from rtp.payments import service as payments
from rtp.payments.errors import PaymentNotFound
from rtp.payments.schemas import Payment
from rtp.refund_bulks import policy, repository, service
from rtp.refund_bulks.columns import in_words
from rtp.refund_bulks.errors import BulkBatchOutOfOrder, BulkClosed, BulkTooLarge, RowKeyRepeated
from rtp.refund_bulks.policy import Taken
from rtp.refund_bulks.schemas import MAX_BATCH_ROWS, MAX_ROWS, Bulk, BulkBatch, BulkRow, RefusedRow
from rtp.refunds import service as refunds
from rtp.refunds.outlook import Outlook

_decoder = msgspec.json.Decoder(BulkRow)
_loose = msgspec.json.Decoder()


class Broken(Struct):
    """A line that is no row of a bulk, and why."""

    row: int
    payment: str
    why: str


async def add(frame: Frame, key: str, number: int, data: bytes) -> BulkBatch:
    """Check the rows of batch `number`, which must be the next one, and keep them; nothing of them moves yet.

    Raises: BulkNotFound, BulkClosed, BulkBatchOutOfOrder, BulkTooLarge, BulkPolicyChanged, InvalidInput.
    """
    bulk = await service.find(frame, key, lock=True)
    bulk_id = service.id_of(key)
    if bulk.state != "draft":
        raise BulkClosed(key=bulk.id, state=bulk.state)
    if number != bulk.batches + 1:
        raise BulkBatchOutOfOrder(key=bulk.id, batches=bulk.batches, number=number)
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > MAX_BATCH_ROWS or bulk.rows + len(lines) > MAX_ROWS:
        raise BulkTooLarge(rows=len(lines), limit=min(MAX_BATCH_ROWS, MAX_ROWS - bulk.rows))
    parsed = _parsed(lines, await repository.last_row(frame, bulk_id))
    batch = await _Batch.of(frame, bulk, [row for row in parsed if isinstance(row, BulkRow)])
    policy.hold_policy(bulk, batch.outlook.version)
    rows = [_broken(frame, bulk_id, one) if isinstance(one, Broken) else batch.judge(frame, one) for one in parsed]
    await repository.add_rows(frame, rows)
    refused = [_refusal(row) for row in rows if row["state"] == "refused"]
    await _count(frame, bulk, number, rows, batch.outlook.version)
    frame.bulk = True
    frame.summary = {"bulk": bulk.id, "batch": number, "accepted": len(rows) - len(refused), "refused": len(refused)}
    return BulkBatch(accepted=len(rows) - len(refused), refused=refused)


async def _count(frame: Frame, bulk: Bulk, number: int, rows: list[dict[str, Any]], judged_by: int) -> None:
    accepted = [row for row in rows if row["state"] == "planned"]
    totals = policy.added(bulk.totals, (Money(row["amount"], row["currency"]) for row in accepted))
    told = ("payment", "amount", "currency", "reason", "note", "ticket", "key")
    await repository.change(
        frame,
        service.id_of(bulk.id),
        batches=number,
        rows=bulk.rows + len(rows),
        refused=bulk.refused + len(rows) - len(accepted),
        policy_version=judged_by,
        approvals=bulk.approvals + sum(row["approval"] for row in accepted),
        totals=msgspec.to_builtins(totals),
        digest=policy.chained(bulk.digest, ([row[name] for name in told] for row in accepted)),
    )


class _Batch:
    """What the rows of one batch are checked against."""

    def __init__(
        self,
        bulk_id: UUID,
        found: dict[UUID, Payment],
        taken: dict[UUID, list[Taken]],
        keys: dict[str, str],
        outlook: Outlook,
    ) -> None:
        self.bulk_id = bulk_id
        self.found = found
        self.taken = taken
        self.keys = keys
        self.outlook = outlook

    @classmethod
    async def of(cls, frame: Frame, bulk: Bulk, rows: list[BulkRow]) -> _Batch:
        """Read what is needed for all of them, set-wise."""
        bulk_id = service.id_of(bulk.id)
        wanted = sorted({payment_id for row in rows if (payment_id := _payment_id(row)) is not None})
        found = await payments.by_ids(frame, wanted) if wanted else {}
        taken = await repository.taken(frame, bulk_id, list(found)) if found else {}
        keys = [row.key for row in rows if row.key is not None]
        known = await repository.keys_taken(frame, bulk_id, keys) if keys else {}
        outlook = await Outlook.of(frame, list(found.values()))
        await _count_earlier(frame, outlook, bulk, found, taken)
        return cls(bulk_id, found, taken, known, outlook)

    def judge(self, frame: Frame, row: BulkRow) -> dict[str, Any]:
        """The row as it is kept: planned with its amount, or refused with a reason."""
        kept = _row(frame, self.bulk_id, row)
        try:
            payment_id, payment, amount, approval = self._allowed(row)
        except RtpError as error:
            return kept | {"state": "refused", "code": error.code(), "message": error.message}
        self.taken[payment_id].append(Taken(row.row, amount.amount, row.key))
        if row.key is not None:
            self.keys[row.key] = f"row {row.row}"
        return kept | {
            "state": "planned",
            "payment_id": payment_id,
            "user_id": ids.parse_user(payment.user_id),
            "amount": amount.amount,
            "currency": amount.currency,
            "payment_version": payment.version,
            "approval": approval,
        }

    def _allowed(self, row: BulkRow) -> tuple[UUID, Payment, Money, bool]:
        payment_id = _payment_id(row)
        payment = None if payment_id is None else self.found.get(payment_id)
        if payment_id is None or payment is None:
            raise PaymentNotFound(key=row.payment)
        if row.key is not None and row.key in self.keys:
            raise RowKeyRepeated(key=row.key, where=self.keys[row.key])
        refunds.refuse(payment)
        amount = policy.judged(row, payment, self.taken[payment_id])
        return payment_id, payment, amount, self.outlook.judge(payment, amount, row.ticket)


async def _count_earlier(
    frame: Frame, outlook: Outlook, bulk: Bulk, found: dict[UUID, Payment], taken: dict[UUID, list[Taken]]
) -> None:
    """Let the rows of earlier batches count: for who plans, for the members of this one, and in its payments' lines."""
    for total in bulk.totals:
        outlook.issued(total)
    if outlook.counts_members and bulk.batches:
        members = {ids.parse_user(payment.user_id) for payment in found.values()}
        for member, amount in await repository.spent(frame, service.id_of(bulk.id), members):
            outlook.received(member, amount)
    for payment_id, earlier in taken.items():
        for one in earlier:
            outlook.used_up(found[payment_id], Money(one.amount, found[payment_id].amount.currency))


def _payment_id(row: BulkRow) -> UUID | None:
    try:
        return ids.parse("pay", row.payment)
    except ids.WrongId:
        return None


def _row(frame: Frame, bulk_id: UUID, row: BulkRow) -> dict[str, Any]:
    return {
        "id": frame.ids.uuid(), "bulk_id": bulk_id, "row": row.row, "payment": row.payment, "payment_id": None,
        "user_id": None, "amount": None, "currency": "", "payment_version": None, "reason": row.reason,
        "note": row.note, "ticket": row.ticket, "key": row.key, "state": "refused", "code": "", "message": "",
        "approval": False,
    }  # fmt: skip


def _broken(frame: Frame, bulk_id: UUID, broken: Broken) -> dict[str, Any]:
    row = BulkRow(row=broken.row, payment=broken.payment, reason="other")
    return _row(frame, bulk_id, row) | {"reason": "", "code": "invalid_row", "message": broken.why}


def _refusal(row: dict[str, Any]) -> RefusedRow:
    return RefusedRow(row=row["row"], payment=row["payment"], code=row["code"], message=row["message"])


def _parsed(lines: list[bytes], last: int) -> list[BulkRow | Broken]:
    found: list[BulkRow | Broken] = []
    for line in lines:
        try:
            one: BulkRow | Broken = _decoder.decode(line)
            if (path := find_nul(one)) is not None:
                raise msgspec.ValidationError(f"{path} contains a NUL character")
        except msgspec.MsgspecError as error:
            one = _unreadable(line, last, in_words(str(error)))
        if one.row <= last:
            raise InvalidInput(what=f"row {one.row} does not come after row {last}", fields={"row": "out of order"})
        last = one.row
        found.append(one)
    return found


def _unreadable(line: bytes, last: int, why: str) -> Broken:
    try:
        loose = _loose.decode(line)
    except msgspec.MsgspecError:
        loose = None
    known: dict[str, Any] = loose if isinstance(loose, dict) else {}
    row, payment = known.get("row"), known.get("payment")
    return Broken(
        row if isinstance(row, int) and not isinstance(row, bool) and row < 2**31 else last + 1,
        payment.replace("\0", "\\0")[:100] if isinstance(payment, str) else "",
        why,
    )
