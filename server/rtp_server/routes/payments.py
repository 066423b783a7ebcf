"""Routes of payments and payment methods."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.payments import detail, methods, schemas, service
from rtp.payments.schemas import AddMethod, Payment, PaymentDetail, PaymentMethod, PaymentState
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=254, description="Id or e-mail of a member.")]


@operation(schemas.LIST)
async def list_payments(
    frame: Frame, page: PageRequest, user: User = "", state: PaymentState | None = None
) -> Page[Payment]:
    """List payments, newest first."""
    return await service.page(frame, page, user=user, state=state)


@operation(schemas.SHOW)
async def show(frame: Frame, payment: str) -> PaymentDetail:
    """Show a payment, its card and its refunds."""
    return await detail.show(frame, payment)


@operation(schemas.METHODS)
async def list_methods(frame: Frame, page: PageRequest, user: str) -> Page[PaymentMethod]:
    """List a member's cards."""
    return await methods.page(frame, page, user)


@operation(schemas.METHOD)
async def show_method(frame: Frame, method: str) -> PaymentMethod:
    """Show a card."""
    return await methods.show(frame, method)


@operation(schemas.ADD_METHOD)
async def add_method(frame: Frame, user: str, data: AddMethod) -> PaymentMethod:
    """Add a card; the provider takes it in a job."""
    return await methods.add(frame, user, data)


@operation(schemas.REMOVE_METHOD)
async def remove_method(frame: Frame, method: str) -> PaymentMethod:
    """Stop using a card."""
    return await methods.remove(frame, method)


HANDLERS = (list_payments, show, list_methods, show_method, add_method, remove_method)
