"""Routes of disputes."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.disputes import answering, evidence, schemas, service
from rtp.disputes.schemas import Dispute, DisputeDetail, DisputeLine, DisputeState, EvidencePack, SubmitEvidence
from rtp.operations import Page
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=320, description="Id or e-mail of a member.")]
Payment = Annotated[str, QueryParameter(max_length=64, description="Id of a payment.")]


@operation(schemas.LIST)
async def list_disputes(
    frame: Frame, page: PageRequest, state: DisputeState | None = None, user: User = "", payment: Payment = ""
) -> Page[DisputeLine]:
    """List disputes; sort by due_by for their deadlines."""
    return await service.page(frame, page, user=user, payment=payment, state=state)


@operation(schemas.SHOW)
async def show(frame: Frame, dispute: str) -> DisputeDetail:
    """Show a dispute, its payment, and the time that is left."""
    return await service.show(frame, dispute)


@operation(schemas.EVIDENCE)
async def show_evidence(frame: Frame, dispute: str) -> EvidencePack:
    """Put the evidence pack together, without handing it in."""
    return await evidence.pack(frame, dispute)


@operation(schemas.SUBMIT)
async def submit(frame: Frame, dispute: str, data: SubmitEvidence) -> Dispute:
    """Hand in the evidence pack, with parts of our own."""
    return await answering.submit(frame, dispute, data)


@operation(schemas.ACCEPT)
async def accept(frame: Frame, dispute: str) -> Dispute:
    """Give the money up."""
    return await answering.accept(frame, dispute)


HANDLERS = (list_disputes, show, show_evidence, submit, accept)
