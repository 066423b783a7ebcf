"""Routes of the endpoints that webhooks go to."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.webhooks import endpoints, schemas
from rtp.webhooks.schemas import (
    CreatedEndpoint,
    CreateEndpoint,
    Endpoint,
    EndpointDetail,
    EndpointState,
    RotateSecret,
    UpdateEndpoint,
)
from rtp_server.operation import operation


@operation(schemas.ENDPOINTS_CREATE)
async def create(frame: Frame, data: CreateEndpoint) -> CreatedEndpoint:
    """Add an endpoint; its secret is shown this once."""
    return await endpoints.create(frame, data)


@operation(schemas.ENDPOINTS_LIST)
async def list_endpoints(frame: Frame, page: PageRequest, state: EndpointState | None = None) -> Page[Endpoint]:
    """List endpoints, newest first."""
    return await endpoints.page(frame, page, state=state)


@operation(schemas.ENDPOINTS_SHOW)
async def show(frame: Frame, endpoint: str) -> EndpointDetail:
    """Show an endpoint and the keys that sign for it."""
    return await endpoints.show(frame, endpoint)


@operation(schemas.ENDPOINTS_UPDATE)
async def update(frame: Frame, endpoint: str, data: UpdateEndpoint) -> EndpointDetail:
    """Change where events go, and which."""
    return await endpoints.update(frame, endpoint, data)


@operation(schemas.ENDPOINTS_ROTATE)
async def rotate(frame: Frame, endpoint: str, data: RotateSecret) -> CreatedEndpoint:
    """Draw a new secret, with an overlap."""
    return await endpoints.rotate(frame, endpoint, data)


@operation(schemas.ENDPOINTS_ENABLE)
async def enable(frame: Frame, endpoint: str) -> EndpointDetail:
    """Send to an endpoint again."""
    return await endpoints.enable(frame, endpoint)


@operation(schemas.ENDPOINTS_DISABLE)
async def disable(frame: Frame, endpoint: str) -> EndpointDetail:
    """Send nothing more to an endpoint."""
    return await endpoints.disable(frame, endpoint)


@operation(schemas.ENDPOINTS_DELETE)
async def delete(frame: Frame, endpoint: str) -> Endpoint:
    """Forget an endpoint."""
    return await endpoints.delete(frame, endpoint)


@operation(schemas.ENDPOINTS_TEST)
async def test(frame: Frame, endpoint: str) -> Endpoint:
    """Send a test event to an endpoint."""
    return await endpoints.tested(frame, endpoint)


HANDLERS = (create, list_endpoints, show, update, rotate, enable, disable, delete, test)
