"""Routes of refunds."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit.money import MAX_AMOUNT
from rtp.operations import Page
from rtp.refunds import schemas, service
from rtp.refunds.schemas import IssueRefund, Refund, RefundPreview, RefundState
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=254, description="Id or e-mail of a member.")]
Amount = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_AMOUNT, description="Minor units; all that is left without.")
]


@operation(schemas.LIST)
async def list_refunds(
    frame: Frame, page: PageRequest, user: User = "", state: RefundState | None = None
) -> Page[Refund]:
    """List refunds, newest first."""
    return await service.page(frame, page, user=user, state=state)


@operation(schemas.SHOW)
async def show(frame: Frame, refund: str) -> Refund:
    """Show a refund."""
    return await service.show(frame, refund)


@operation(schemas.PREVIEW)
async def preview(frame: Frame, payment: str, amount: Amount = None) -> RefundPreview:
    """Show what a refund would do."""
    return await service.preview(frame, payment, amount)


@operation(schemas.ISSUE)
async def issue(frame: Frame, payment: str, data: IssueRefund) -> Refund:
    """Return money to the card it came from."""
    return await service.issue(frame, payment, data)


HANDLERS = (list_refunds, show, preview, issue)
