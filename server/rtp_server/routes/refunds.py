"""Routes of refunds and of the refund policy."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.refunds import canceling, deciding, policies, previewing, reviewing, schemas, service
from rtp.refunds.schemas import (
    Decision,
    IssueRefund,
    PolicyDiff,
    PreviewRefund,
    Refund,
    RefundDetail,
    RefundPolicy,
    RefundPreview,
    RefundReview,
    RefundRules,
    RefundState,
)
from rtp_server.operation import operation

User = Annotated[str, QueryParameter(max_length=254, description="Id or e-mail of a member.")]


@operation(schemas.LIST)
async def list_refunds(
    frame: Frame, page: PageRequest, user: User = "", state: RefundState | None = None
) -> Page[Refund]:
    """List refunds, newest first."""
    return await service.page(frame, page, user=user, state=state)


@operation(schemas.SHOW)
async def show(frame: Frame, refund: str) -> RefundDetail:
    """Show a refund with its lines."""
    return await service.show(frame, refund)


@operation(schemas.PREVIEW)
async def preview(frame: Frame, payment: str, data: PreviewRefund) -> RefundPreview:
    """Show what a refund would do."""
    return await previewing.preview(frame, payment, data)


@operation(schemas.REVIEW)
async def review(frame: Frame, refund: str) -> RefundReview:
    """Show what approving a refund would do."""
    return await reviewing.review(frame, refund)


@operation(schemas.ISSUE)
async def issue(frame: Frame, payment: str, data: IssueRefund) -> Refund:
    """Return money to the card it came from."""
    return await service.issue(frame, payment, data)


@operation(schemas.APPROVE)
async def approve(frame: Frame, refund: str, data: Decision) -> Refund:
    """Let a refund that waits go its way."""
    return await deciding.approve(frame, refund, data)


@operation(schemas.REJECT)
async def reject(frame: Frame, refund: str, data: Decision) -> Refund:
    """End a refund that waits."""
    return await deciding.reject(frame, refund, data)


@operation(schemas.CANCEL)
async def cancel(frame: Frame, refund: str, data: Decision) -> Refund:
    """Call off a refund that was not sent to the provider yet."""
    return await canceling.cancel(frame, refund, data)


@operation(schemas.RETRY)
async def retry(frame: Frame, refund: str) -> Refund:
    """Issue a failed refund anew, or ask the provider now about one under way."""
    return await deciding.retry(frame, refund)


@operation(schemas.POLICY)
async def show_policy(frame: Frame) -> RefundPolicy:
    """Show the refund policy that holds."""
    return await policies.show(frame)


@operation(schemas.PLAN_POLICY)
async def plan_policy(frame: Frame, data: RefundRules) -> PolicyDiff:
    """Compare a refund policy with the one that holds."""
    return await policies.plan(frame, data)


@operation(schemas.APPLY_POLICY)
async def apply_policy(frame: Frame, data: RefundRules) -> PolicyDiff:
    """Let a refund policy hold from now on."""
    return await policies.apply(frame, data)


HANDLERS = (
    list_refunds,
    show,
    preview,
    review,
    issue,
    approve,
    reject,
    cancel,
    retry,
    show_policy,
    plan_policy,
    apply_policy,
)
