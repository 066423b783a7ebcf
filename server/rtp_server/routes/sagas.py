"""Routes of sagas."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.sagas import schemas, service
from rtp.sagas.schemas import Saga, SagaDetail, SagaState
from rtp_server.operation import operation

Subject = Annotated[str, QueryParameter(max_length=100, description="Id of what the saga is about.")]


@operation(schemas.LIST)
async def list_sagas(
    frame: Frame, page: PageRequest, state: SagaState | None = None, subject: Subject = ""
) -> Page[Saga]:
    """List sagas, newest first."""
    return await service.page(frame, page, state=state, subject=subject)


@operation(schemas.SHOW)
async def show(frame: Frame, saga: str) -> SagaDetail:
    """Show a saga and its steps."""
    return await service.show(frame, saga)


@operation(schemas.RETRY)
async def retry(frame: Frame, saga: str) -> Saga:
    """Try the step at hand again, now."""
    return await service.retry(frame, saga)


@operation(schemas.CANCEL)
async def cancel(frame: Frame, saga: str) -> Saga:
    """Turn back, while that is possible."""
    return await service.cancel(frame, saga)


HANDLERS = (list_sagas, show, retry, cancel)
