"""Routes of experiments."""

from __future__ import annotations

import asyncio

from rtp.chaos import schemas, service
from rtp.chaos.schemas import ChaosRun, Experiment, RecordRun
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp_server.operation import operation
from rtp_server.state import State


@operation(schemas.LIST)
async def list_experiments(state: State, page: PageRequest) -> Page[Experiment]:
    """List the experiments of the server's instance and the shipped ones."""
    return await asyncio.to_thread(service.experiments, state.settings, page)


@operation(schemas.RECORD)
async def record(frame: Frame, data: RecordRun) -> ChaosRun:
    """Remember a run of an experiment."""
    return await service.record(frame, data)


@operation(schemas.HISTORY)
async def history(frame: Frame, page: PageRequest) -> Page[ChaosRun]:
    """List runs of experiments, newest first."""
    return await service.page(frame, page)


@operation(schemas.SHOW)
async def show(frame: Frame, run: str) -> ChaosRun:
    """Show a run of an experiment."""
    return await service.show(frame, run)


HANDLERS = (list_experiments, record, history, show)
