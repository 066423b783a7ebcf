"""The saga of a bulk refund: look once more at the world, issue the rows in chunks, follow them to their end.

Issuing is the pivot: from its first chunk on there is no way back, as a refund that is under way cannot be undone; a
bulk that is cancelled then issues no further row, and ends with what it has done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from rtp.db.frame import Frame
from rtp.db.savepoints import apart
from rtp.errors import RtpError
from rtp.kit import failpoints, ids
from rtp.permissions import Principal
from rtp.refund_bulks import policy, repository, service
from rtp.refund_bulks.errors import BulkOutdated, RowKeyRepeated
from rtp.refund_bulks.policy import Count
from rtp.refund_bulks.repository import Planned
from rtp.refund_bulks.schemas import Bulk
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.sagas.errors import StepRefused
from rtp.sagas.spec import Again, Definition, Running, Step

SETTLES = timedelta(days=7)
"""How long the provider may take for the rows, before somebody is called."""


async def check(running: Running) -> None:
    """Look at every payment once more, as some time may have passed since somebody said go.

    Raises: StepRefused.
    """
    async with running.writing() as frame:
        bulk = await service.find(frame, running.subject, lock=True)
        try:
            await service.hold_world(frame, bulk)
            return
        except BulkOutdated as error:
            why = error.message
        await repository.change(frame, service.id_of(bulk.id), error=why)
    raise StepRefused(why=why)


async def give_back(running: Running) -> None:
    """Close the bulk: none of its rows was issued."""
    async with running.writing() as frame:
        before = await service.find(frame, running.subject, lock=True)
        if before.state != "applying":
            return
        await repository.cancel_planned(frame, service.id_of(before.id))
        after = await repository.change(
            frame, service.id_of(before.id), state="canceled", canceled=before.accepted, ended_at=frame.now
        )
        frame.record("bulk.canceled", after.id, after.version, before=before, after=after)


async def nothing(_: Running) -> None:
    """Undo a look: there is nothing to undo."""


async def issue(running: Running) -> Again | None:
    """Issue the next rows, in the name of the person who applied the plan."""
    principal = msgspec.convert(running.data["principal"], Principal)
    async with running.writing(principal) as frame:
        more = await issue_chunk(frame, running.subject)
    return Again() if more else None


async def follow(running: Running) -> Again | None:
    """Look how the issued refunds do, until none is under way any more."""
    async with running.writing() as frame:
        bulk = await service.find(frame, running.subject, lock=True)
        count = await repository.count(frame, service.id_of(bulk.id))
        under_way = bool(count.under_way or count.waiting)
        await _counted(frame, bulk, count, ended=not under_way)
        age = (frame.now - (bulk.applied_at or frame.now)).total_seconds()
    if not under_way:
        return None
    # A second person has days of their own, and after them the provider has as long as for all else.
    return Again(policy.pause(age), deadline=count.people_until and count.people_until + SETTLES)


async def issue_chunk(frame: Frame, key: str) -> bool:
    """Issue the next rows of a bulk, each under a savepoint of its own; whether there are more."""
    bulk_id = service.id_of(key)
    bulk = await service.find(frame, key, lock=True)
    if bulk.canceling:
        await repository.cancel_planned(frame, bulk_id)
        return False
    frame.bulk = True
    rows = await repository.next_rows(frame, bulk_id, policy.CHUNK)
    decided = []
    for row in rows:
        decided.append(await _issued(frame, key, row))
        failpoints.reach("bulk.in_chunk")
    if decided:
        await repository.decide(frame, decided)
    refused = sum(row["state"] == "failed" for row in decided)
    frame.summary = {"bulk": key, "issued": len(decided) - refused, "refused": refused}
    return len(rows) == policy.CHUNK


async def _issued(frame: Frame, key: str, row: Planned) -> dict[str, Any]:
    """Issue one row, once ever by its key and by its place in the plan; what is refused does not stop the others."""
    told = {"id": row.id, "code": "", "message": "", "refund_id": None}
    try:
        async with apart(frame):
            for effect in filter(None, (f"{key}:{row.row}", row.key and f"refund_bulks:{row.key}")):
                if not await frame.once(effect):
                    raise RowKeyRepeated(key=row.key or effect, where="a row that was issued before")
            refund = await refunds.issue(frame, ids.show("pay", row.payment_id), _request(row))
    except RtpError as error:
        if error.retryable or error.status >= 500:
            raise
        return told | {"state": "failed", "code": error.code(), "message": error.message}
    return told | {"state": "issued", "refund_id": ids.parse("rfd", refund.id)}


def _request(row: Planned) -> IssueRefund:
    return IssueRefund(
        amount=row.amount.amount,
        currency=row.amount.currency,
        reason=row.reason,
        note=row.note,
        ticket=row.ticket,
        again=True,
    )


async def _counted(frame: Frame, before: Bulk, count: Count, *, ended: bool) -> None:
    moved = [{"amount": amount, "currency": currency} for currency, amount in sorted(count.moved.items())]
    values: dict[str, Any] = {
        "done": count.done, "failed": count.failed, "canceled": count.canceled, "waiting": count.waiting,
        "moved": moved,
    }  # fmt: skip
    if ended:
        values |= {"state": policy.ended(count), "ended_at": frame.now}
    same = (before.done, before.failed, before.waiting) == (count.done, count.failed, count.waiting)
    if ended or not same:
        after = await repository.change(frame, service.id_of(before.id), **values)
        if ended:
            frame.record(f"bulk.{after.state}", after.id, after.version, before=before, after=after)


SAGA = Definition(
    name="refund_bulks",
    version=1,
    steps=(
        Step("accept", "reversible", None, compensation=give_back),
        Step("check", "reversible", check, compensation=nothing),
        Step("issue", "pivot", issue),
        Step("follow", "retryable", follow),
    ),
    deadline=SETTLES.total_seconds(),
)
