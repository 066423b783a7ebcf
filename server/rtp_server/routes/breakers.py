"""Routes of circuit breakers."""

from __future__ import annotations

from rtp.breakers import schemas, service
from rtp.breakers.schemas import Breaker, BreakerDetail, BreakerState, Circuit
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp_server.operation import operation


@operation(schemas.LIST)
async def list_breakers(frame: Frame, page: PageRequest, circuit: Circuit | None = None) -> Page[Breaker]:
    """List the circuit breakers of all running processes."""
    return await service.page(frame, page, circuit=circuit)


@operation(schemas.SHOW)
async def show(frame: Frame, breaker: str) -> BreakerDetail:
    """Show the breakers of a name, or the one of an id."""
    return await service.show(frame, breaker)


@operation(schemas.RESET)
async def reset(frame: Frame, breaker: str) -> BreakerState:
    """Ask the processes to close their breaker now."""
    return await service.reset(frame, breaker)


HANDLERS = (list_breakers, show, reset)
