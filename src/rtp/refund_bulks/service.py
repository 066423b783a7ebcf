"""Use cases of bulk refunds: begin a file, close it as a plan, carry it out, stop it. Its rows are issued by a saga."""

from __future__ import annotations

from uuid import UUID

import msgspec

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.kit.clock import to_text
from rtp.operations import Page
from rtp.refund_bulks import policy, repository
from rtp.refund_bulks.errors import (
    BulkEnded,
    BulkExpired,
    BulkNeedsSecondPerson,
    BulkNotFound,
    BulkNotPlanned,
    BulkOutdated,
    BulkRepeated,
    BulkWithoutRows,
)
from rtp.refund_bulks.schemas import ApplyBulk, Bulk, BulkOutcome, BulkState, CreateBulk, RowState
from rtp.refunds import outlook
from rtp.sagas import service as sagas
from rtp.sagas.spec import Definition
from rtp.tokens import service as tokens


async def create(frame: Frame, body: CreateBulk) -> Bulk:
    """Begin a file: its rows come in batches, and nothing moves before its plan is carried out."""
    bulk = await repository.add(frame, body)
    frame.record("bulk.created", bulk.id, bulk.version, after=bulk)
    return bulk


async def plan(frame: Frame, key: str) -> Bulk:
    """Close the file: the totals of what can be refunded are held to the caps; again, the plan is as it was.

    Raises: BulkNotFound, BulkEnded, BulkOverCap, BulkWithoutRows, BulkPolicyChanged.
    """
    before = await find(frame, key, lock=True)
    if before.state == "canceled":
        raise BulkEnded(key=before.id, state=before.state)
    if before.state != "draft":
        return await _told(frame, before)
    if not before.rows:
        raise BulkWithoutRows(key=before.id, refused=0, rows=0)
    policy.hold_caps(before.id, before.accepted, before.totals, before.max_count, before.max_totals)
    policy.hold_policy(before, await outlook.version(frame))
    after = await repository.change(
        frame,
        id_of(key),
        state="planned",
        planned_by=frame.principal.id,
        planned_at=frame.now,
        expires_at=frame.now + policy.LIFETIME,
        limits=msgspec.to_builtins(await outlook.uses(frame, before.totals)),
    )
    frame.record("bulk.planned", after.id, after.version, before=before, after=after)
    return await _told(frame, after)


async def apply(frame: Frame, definition: Definition, key: str, request: ApplyBulk) -> Bulk:
    """Carry a plan out: once, however often it is asked for; refused when the world is another than it was planned for.

    The policy judges each row again when it is issued; that the rolling limits of who applies it hold all of them
    together is known before the first. Above the policy's threshold, all rows together are for a second person.
    Raises: BulkNotFound, BulkNotPlanned, BulkEnded, BulkExpired, BulkWithoutRows, BulkRepeated, BulkOutdated,
    RefundOverLimit, RefundRoleNotListed, BulkNeedsSecondPerson, and what refunds refuse an approver with.
    """
    before = await find(frame, key, lock=True)
    if before.saga_id is not None:
        return await show(frame, key)
    await _hold_plan(frame, before, request)
    saga = await sagas.start(
        frame, definition, subject=before.id, data={"principal": msgspec.to_builtins(frame.principal)}
    )
    after = await repository.change(
        frame,
        id_of(key),
        state="applying",
        saga_id=sagas.id_of(saga.id),
        applied_by=frame.principal.id,
        applied_at=frame.now,
    )
    frame.record("bulk.applied", after.id, after.version, before=before, after=after)
    return await _told(frame, after)


async def _hold_plan(frame: Frame, bulk: Bulk, request: ApplyBulk) -> None:
    if bulk.state == "canceled":
        raise BulkEnded(key=bulk.id, state=bulk.state)
    if bulk.state != "planned":
        raise BulkNotPlanned(key=bulk.id)
    if bulk.expires_at is not None and bulk.expires_at <= frame.now:
        raise BulkExpired(key=bulk.id, expires_at=to_text(bulk.expires_at))
    if not bulk.accepted:
        raise BulkWithoutRows(key=bulk.id, refused=bulk.refused, rows=bulk.rows)
    await repository.one_by_one(frame, bulk.digest)
    if not request.again and (first := await repository.with_digest(frame, id_of(bulk.id), bulk.digest)) is not None:
        raise BulkRepeated(key=bulk.id, first=first)
    await hold_world(frame, bulk)
    await outlook.hold(frame, bulk.totals)
    await _hold_threshold(frame, bulk)


async def _hold_threshold(frame: Frame, bulk: Bulk) -> None:
    """Many small refunds are one large one: who planned them does not carry them out alone."""
    planner = bulk.planned_by or bulk.created_by
    if (beyond := await outlook.beyond_threshold(frame, bulk.totals)) is None:
        return
    total, above = beyond
    if planner == frame.principal.id:
        raise BulkNeedsSecondPerson(key=bulk.id, total=total, above=above)
    await outlook.hold_second_person(frame, bulk.id, asked_by=planner, at=bulk.planned_at or frame.now)


async def hold_world(frame: Frame, bulk: Bulk) -> None:
    """Refuse to go on when a payment of the plan is not as it was.

    Raises: BulkOutdated, with the first rows.
    """
    count, first, rows = await repository.outdated(frame, id_of(bulk.id))
    if count:
        raise BulkOutdated(key=bulk.id, count=count, first=first, rows=rows)


async def cancel(frame: Frame, key: str) -> Bulk:
    """Stop a bulk refund: what was issued stays issued, the rest is not issued any more.

    Raises: BulkNotFound, BulkEnded.
    """
    before = await find(frame, key, lock=True)
    if before.state not in {"draft", "planned", "applying"}:
        raise BulkEnded(key=before.id, state=before.state)
    if before.canceling:
        return await _told(frame, before)
    if before.saga_id is not None:
        after = await repository.change(frame, id_of(key), canceling=True)
    else:
        await repository.cancel_planned(frame, id_of(key))
        after = await repository.change(
            frame, id_of(key), state="canceled", canceling=True, canceled=before.accepted, ended_at=frame.now
        )
    frame.record("bulk.canceled", after.id, after.version, before=before, after=after)
    return await _told(frame, after)


async def show(frame: Frame, key: str) -> Bulk:
    """A bulk refund, counted now.

    Raises: BulkNotFound.
    """
    return await _told(frame, await find(frame, key))


async def _told(frame: Frame, bulk: Bulk) -> Bulk:
    """With who planned it, and whether another person must carry it out."""
    planner = bulk.planned_by or bulk.created_by
    beyond = await outlook.beyond_threshold(frame, bulk.totals) if bulk.state == "planned" else None
    told = msgspec.structs.replace(bulk, planner=await tokens.called(frame, planner))
    if beyond is None:
        return told
    return msgspec.structs.replace(told, above=beyond[1], warning=await outlook.warning(frame, planner))


async def page(frame: Frame, page: PageRequest, *, state: BulkState | None = None) -> Page[Bulk]:
    """One page of bulk refunds, counted as they were last."""
    return await repository.page(frame, page, state=state)


async def rows(frame: Frame, page: PageRequest, key: str, *, state: RowState | None = None) -> Page[BulkOutcome]:
    """One page of the rows of a bulk refund.

    Raises: BulkNotFound.
    """
    bulk = await find(frame, key)
    return await repository.page_of_rows(frame, page, id_of(bulk.id), state=state)


async def find(frame: Frame, key: str, *, lock: bool = False) -> Bulk:
    """The bulk refund; with `lock`, held for this transaction and counted as it was last.

    Raises: BulkNotFound.
    """
    bulk = await repository.find(frame, id_of(key), lock=lock)
    if bulk is None:
        raise BulkNotFound(key=key)
    return bulk


def id_of(key: str) -> UUID:
    """The id behind a text.

    Raises: BulkNotFound.
    """
    return ids.parse_or("bulk", key, BulkNotFound)
