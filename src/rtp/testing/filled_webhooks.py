"""Endpoints and deliveries for the filled platform; what is sent goes to the platform itself, which refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtp.testing.waiting import eventually
from rtp.webhooks import schemas
from rtp.webhooks.schemas import CreateEndpoint

if TYPE_CHECKING:
    from rtp.testing.filled import Filled

NEVER = "product.restored"
"""What an endpoint wants that is to stay quiet."""


def endpoint(to: Filled, *, disabled: bool = False) -> str:
    """The id of an endpoint that nobody else was given."""
    body = CreateEndpoint(url=f"{to.platform.url}/hook", events=[NEVER], loopback=True, description="of a test")
    made = str(to.write(schemas.ENDPOINTS_CREATE, body).id)
    if disabled:
        to.write(schemas.ENDPOINTS_DISABLE, endpoint=made)
    return made


def delivery(to: Filled, endpoint: str) -> str:
    """The id of a delivery that was tried."""
    to.write(schemas.ENDPOINTS_TEST, endpoint=endpoint)

    def tried() -> str:
        found = to.client.page(schemas.DELIVERIES_LIST, endpoint=endpoint).items
        return found[0].id if found and found[0].attempts else ""

    return str(eventually("the delivery is tried", tried))


def sent_event(to: Filled) -> str:
    """The id of an event that goes to endpoints."""
    return str(to.platform.json("events", "list", "--type", "user.created", "--limit", "1")[0]["id"])
