"""Routes of the ledger."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.ledger import schemas, service
from rtp.ledger.schemas import LedgerCheck, LedgerEntry
from rtp.operations import Page
from rtp_server.operation import operation

Account = Annotated[str, QueryParameter(max_length=100, description="Such as sales or clearing:sandbox.")]
Source = Annotated[str, QueryParameter(max_length=100, description="Id of the payment or refund.")]
User = Annotated[str, QueryParameter(max_length=100, description="Id of a member.")]


@operation(schemas.LIST)
async def list_entries(
    frame: Frame, page: PageRequest, account: Account = "", source: Source = "", user: User = ""
) -> Page[LedgerEntry]:
    """List ledger entries, newest first."""
    return await service.page(frame, page, account=account, source=source, user=user)


@operation(schemas.CHECK)
async def check(frame: Frame) -> LedgerCheck:
    """Recompute the ledger from zero."""
    return await service.check(frame)


HANDLERS = (list_entries, check)
