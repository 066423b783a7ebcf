"""What is said of a refund: its receipt before anybody says yes, and after it how it waits or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rtp.permissions import LOCAL_OWNER
from rtp.plans.schemas import Asked
from rtp.refunds import schemas
from rtp.refunds.schemas import PreviewRefund, Refund, RefundPreview, RefundReview
from rtp_commands.call import Call, Result, Waiting

if TYPE_CHECKING:
    from rtp_commands.table import Line

_ENDED_ALL_THE_SAME = {
    "now": "The subscription was ended all the same, and stays so.",
    "period_end": "The subscription ends with its period all the same.",
}


def of_failed(refund: Refund) -> tuple[str, str]:
    """What is true although nothing was paid, and how it goes on: what was done beside a refund stays done."""
    said = [f"Nothing was paid; the amount is free again on {refund.payment_id}."]
    if refund.state in {"failed", "canceled"}:  # the others ended before anything beside them was done
        said += filter(None, [_ENDED_ALL_THE_SAME.get(refund.cancel_subscription)])
        said += ["The access was closed all the same, and stays so."] if refund.revoke_access else []
    return " ".join(said), f"rtp refunds retry {refund.id} issues it anew" if refund.state == "failed" else ""


def of_waiting(call: Call, refund: Refund) -> list[str]:
    """That nothing is paid before somebody else approves it, and where that may be nobody, that too."""
    unpaid = "Nothing is paid yet" + (f" ({refund.held_because})" if refund.held_because else "")
    if refund.issued_by != LOCAL_OWNER.id or call.environment == "dev":
        return [f"{unpaid}: another person must run rtp refunds approve {refund.id}"]
    return [
        f"{unpaid}, and nobody whose account or token the local owner made can approve it.",
        f"Take it back: rtp refunds reject {refund.id}",
        "Then issue it as a staff member: rtp tokens create --name NAME --staff EMAIL --role ROLE",
    ]


def issuing(call: Call, asked: Asked) -> list[Line]:
    """The receipt of what is to be issued."""
    from rtp_commands import receipt

    given = {name: value for name, value in asked.body.items() if name in PreviewRefund.__struct_fields__}
    shown = call.read(schemas.PREVIEW, msgspec.convert(given, PreviewRefund), payment=asked.path["payment"])
    why = receipt.reason(asked.body["reason"], asked.body.get("ticket", ""))
    note = asked.body.get("note", "")
    return receipt.refund(shown, wide=call.output.wide, environment=call.environment, why=why, note=note)


def approving(call: Call, asked: Asked) -> list[Line]:
    """The receipt of what is to be approved."""
    return receipt_of(call, call.read(schemas.REVIEW, refund=asked.path["refund"]))


SETTLED = Waiting(
    operation=schemas.SHOW,
    param="refund",
    done=frozenset({"succeeded"}),
    held=frozenset({"waiting"}),
    failed=frozenset({"failed", "canceled", "rejected", "expired"}),
    unknown=frozenset({"unknown"}),
    why="failure_reason",
    tells=of_failed,
    of_held=of_waiting,
)


def receipt_of(call: Call, shown: RefundPreview | RefundReview) -> list[Line]:
    """The receipt of a refund that is looked at before it is issued, or before it is approved."""
    from rtp_commands import receipt

    wide, environment = call.output.wide, call.environment
    if isinstance(shown, RefundReview):
        return receipt.review(shown, wide=wide, environment=environment)
    return receipt.refund(shown, wide=wide, environment=environment)


def freed(refund: Refund) -> Result:
    """A refund that was ended before anything was paid."""
    return Result(refund, said=f"Nothing was paid; {refund.amount} of {refund.payment_id} can be refunded again.")
