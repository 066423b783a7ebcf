"""Routes of bulk refunds."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.refund_bulks import adding, schemas, service, steps
from rtp.refund_bulks.schemas import ApplyBulk, Bulk, BulkBatch, BulkOutcome, BulkState, CreateBulk, RowState
from rtp_server.operation import operation

Batch = Annotated[int, QueryParameter(ge=1, le=1_000_000, description="Number of the batch, from 1 on.")]


@operation(schemas.CREATE)
async def create(frame: Frame, data: CreateBulk) -> Bulk:
    """Begin a file of refunds."""
    return await service.create(frame, data)


@operation(schemas.ADD)
async def add(frame: Frame, bulk: str, data: bytes, batch: Batch) -> BulkBatch:
    """Check one batch of rows."""
    return await adding.add(frame, bulk, batch, data)


@operation(schemas.PLAN)
async def plan(frame: Frame, bulk: str) -> Bulk:
    """Close the file and hold it to its caps."""
    return await service.plan(frame, bulk)


@operation(schemas.APPLY)
async def apply(frame: Frame, bulk: str, data: ApplyBulk) -> Bulk:
    """Carry a plan out, once."""
    return await service.apply(frame, steps.SAGA, bulk, data)


@operation(schemas.CANCEL)
async def cancel(frame: Frame, bulk: str) -> Bulk:
    """Stop what was not issued yet."""
    return await service.cancel(frame, bulk)


@operation(schemas.SHOW)
async def show(frame: Frame, bulk: str) -> Bulk:
    """Show a bulk refund and how far it has come."""
    return await service.show(frame, bulk)


@operation(schemas.LIST)
async def list_bulks(frame: Frame, page: PageRequest, state: BulkState | None = None) -> Page[Bulk]:
    """List bulk refunds, newest first."""
    return await service.page(frame, page, state=state)


@operation(schemas.ROWS)
async def export(frame: Frame, page: PageRequest, bulk: str, state: RowState | None = None) -> Page[BulkOutcome]:
    """List the rows of a bulk refund and what became of them."""
    return await service.rows(frame, page, bulk, state=state)


HANDLERS = (create, add, plan, apply, cancel, show, list_bulks, export)
