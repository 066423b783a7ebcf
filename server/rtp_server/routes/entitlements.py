"""Routes of entitlements."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.entitlements import schemas, service
from rtp.entitlements.schemas import Decision, Entitlement
from rtp.operations import Page
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=254, description="Id or e-mail of a member.")]
Product = Annotated[str, QueryParameter(max_length=100, description="Key of a product.")]
Open = Annotated[bool | None, QueryParameter(description="Only those open now, or only those closed.")]


@operation(schemas.LIST)
async def list_entitlements(
    frame: Frame, page: PageRequest, user: User = "", product: Product = "", open: Open = None
) -> Page[Entitlement]:
    """List entitlements."""
    return await service.page(frame, page, user=user, product=product, open=open)


@operation(schemas.SHOW)
async def show(frame: Frame, entitlement: str) -> Entitlement:
    """Show an entitlement."""
    return await service.show(frame, entitlement)


@operation(schemas.CHECK)
async def check(frame: Frame, user: str, product: str) -> Decision:
    """Tell whether a member may use a product now."""
    return await service.check(frame, user, product)


HANDLERS = (list_entitlements, show, check)
