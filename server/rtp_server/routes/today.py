"""The route of the morning page."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.today import schemas, service
from rtp.today.schemas import Today
from rtp_server.operation import operation


@operation(schemas.SHOW)
async def show(frame: Frame) -> Today:
    """Show the morning page."""
    return await service.show(frame)


HANDLERS = (show,)
