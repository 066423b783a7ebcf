"""Routes of the sandbox provider: it is asked outside of any frame."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.sandbox import schemas, service
from rtp.sandbox.schemas import Control, OpenDispute, Sandbox, SandboxDispute, SandboxEvent
from rtp_server import steering
from rtp_server.operation import operation
from rtp_server.state import State


@operation(schemas.SHOW)
async def show(state: State) -> Sandbox:
    """Show how the sandbox is steered, and how much its record holds."""
    return await service.show(state.settings)


@operation(schemas.EVENTS)
async def list_events(state: State, page: PageRequest) -> Page[SandboxEvent]:
    """List the newest events of the sandbox, and whether each webhook was taken."""
    return await service.events(state.settings, page)


@operation(schemas.SET, outside=steering.control)
async def set_control(frame: Frame, data: Control) -> Control:
    """Make the sandbox misbehave; what is not named behaves."""
    raise AssertionError("runs outside of a frame")


@operation(schemas.RESET, outside=steering.control)
async def reset_control(frame: Frame) -> Control:
    """Make the sandbox behave."""
    raise AssertionError("runs outside of a frame")


@operation(schemas.DISPUTE, outside=steering.dispute)
async def dispute(frame: Frame, payment: str, data: OpenDispute) -> SandboxDispute:
    """Let the cardholder object to a payment."""
    raise AssertionError("runs outside of a frame")


HANDLERS = (show, list_events, set_control, reset_control, dispute)
