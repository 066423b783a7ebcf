"""Routes of service levels."""

from __future__ import annotations

import asyncio

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.slo import schemas, service
from rtp.slo.schemas import AskReport, AskValidation, SloFile, SloReport, Validation
from rtp_server.operation import operation
from rtp_server.state import State


@operation(schemas.LIST)
async def list_slos(state: State, page: PageRequest) -> Page[SloFile]:
    """List the service levels of the server's instance and the shipped ones."""
    return await asyncio.to_thread(service.known, state.settings, page)


@operation(schemas.VALIDATE)
async def validate(state: State, data: AskValidation) -> Validation:
    """Check service level files."""
    return await asyncio.to_thread(service.validate, data)


@operation(schemas.REPORT)
async def report(frame: Frame, data: AskReport) -> SloReport:
    """Judge service levels from the history of requests."""
    return await service.report(frame, data)


HANDLERS = (list_slos, validate, report)
