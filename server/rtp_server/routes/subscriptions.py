"""Routes of subscriptions."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.subscriptions import importing, schemas, service
from rtp.subscriptions.schemas import (
    CancelSubscription,
    CreateSubscription,
    ImportResult,
    RenewSubscription,
    ResumeSubscription,
    Status,
    Subscription,
)
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=254, description="Id or e-mail of a member.")]
Price = Annotated[str, QueryParameter(max_length=100, description="Key of a price.")]
DueBefore = Annotated[str, QueryParameter(max_length=64, description="Whose next step is due before this instant.")]


@operation(schemas.CREATE)
async def create(frame: Frame, data: CreateSubscription) -> Subscription:
    """Subscribe a member."""
    return await service.create(frame, data)


@operation(schemas.LIST)
async def list_subscriptions(
    frame: Frame,
    page: PageRequest,
    user: User = "",
    status: Status | None = None,
    price: Price = "",
    due_before: DueBefore = "",
) -> Page[Subscription]:
    """List subscriptions."""
    return await service.page(frame, page, user=user, status=status, price=price, due_before=due_before)


@operation(schemas.SHOW)
async def show(frame: Frame, subscription: str) -> Subscription:
    """Show a subscription."""
    return await service.show(frame, subscription)


@operation(schemas.CANCEL)
async def cancel(frame: Frame, subscription: str, data: CancelSubscription) -> Subscription:
    """End a subscription, now or with its period."""
    return await service.cancel(frame, subscription, data)


@operation(schemas.PAUSE)
async def pause(frame: Frame, subscription: str) -> Subscription:
    """Pause a subscription."""
    return await service.pause(frame, subscription)


@operation(schemas.RESUME)
async def resume(frame: Frame, subscription: str, data: ResumeSubscription) -> Subscription:
    """Resume a paused subscription, or take back its cancellation."""
    return await service.resume(frame, subscription, data)


@operation(schemas.RENEW)
async def renew(frame: Frame, subscription: str, data: RenewSubscription) -> Subscription:
    """Charge the next period by hand."""
    return await service.renew(frame, subscription, data)


@operation(schemas.IMPORT)
async def import_subscriptions(frame: Frame, data: bytes) -> ImportResult:
    """Subscribe the members of one batch of lines."""
    return await importing.import_batch(frame, data)


HANDLERS = (create, list_subscriptions, show, cancel, pause, resume, renew, import_subscriptions)
