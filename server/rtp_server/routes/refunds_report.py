"""Route of the report on a month's refunds."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.refund_reports import schemas, service
from rtp.refund_reports.schemas import RefundReport
from rtp_server.operation import operation

Month = Annotated[str, QueryParameter(pattern=schemas.MONTH, description="Such as 2026-10, in UTC.")]
Share = Annotated[str, QueryParameter(pattern=schemas.SHARE, description="How many to draw, in percent.")]
Seed = Annotated[str, QueryParameter(pattern=schemas.SEED, description="Draws the same ones again.")]


@operation(schemas.SHOW)
async def show(frame: Frame, month: Month, share: Share = "5", seed: Seed = "") -> RefundReport:
    """Draw refunds of a month for a third person, with who approved whose."""
    return await service.show(frame, month=month, share=share, seed=seed)


HANDLERS = (show,)
