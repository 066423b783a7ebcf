"""The route of service levels."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.slo import schemas, service
from rtp.slo.schemas import AskReport, SloReport
from rtp_server.operation import operation


@operation(schemas.REPORT)
async def report(frame: Frame, data: AskReport) -> SloReport:
    """Judge service levels from the history of requests."""
    return await service.report(frame, data)


HANDLERS = (report,)
