"""`rtp refunds`: money back to the card it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rtp.payments.schemas import waits_for
from rtp.refunds import schemas
from rtp.refunds.schemas import (
    Decision,
    IssueRefund,
    LineAsk,
    PreviewRefund,
    Reason,
    Refund,
    RefundPreview,
    RefundState,
)
from rtp_commands import arguments, refunds_bulk, refunds_policy
from rtp_commands.arguments import Asked, AskedLine, id_or_key
from rtp_commands.call import Call, Listing, Result, Severity, Waiting, listing, read, write
from rtp_commands.errors import Usage

if TYPE_CHECKING:
    from rtp_commands.table import Line

app = typer.Typer()

_ENDED_ALL_THE_SAME = {
    "now": "The subscription was ended all the same, and stays so.",
    "period_end": "The subscription ends with its period all the same.",
}


def _of_failed(refund: Refund) -> tuple[str, str]:
    """What is true although nothing was paid, and how it goes on: what was done beside a refund stays done."""
    said = [f"Nothing was paid; the amount is free again on {refund.payment_id}."]
    if refund.state in {"failed", "canceled"}:  # the others ended before anything beside them was done
        said += filter(None, [_ENDED_ALL_THE_SAME.get(refund.cancel_subscription)])
        said += ["The access was closed all the same, and stays so."] if refund.revoke_access else []
    return " ".join(said), f"rtp refunds retry {refund.id} issues it anew" if refund.state == "failed" else ""


SETTLED = Waiting(
    operation=schemas.SHOW,
    param="refund",
    done=frozenset({"succeeded"}),
    held=frozenset({"waiting"}),
    failed=frozenset({"failed", "canceled", "rejected", "expired"}),
    unknown=frozenset({"unknown"}),
    why="failure_reason",
    tells=_of_failed,
)
Amount = Annotated[
    Asked | None,
    typer.Option(
        "--amount", metavar="AMOUNT", parser=arguments.amount, help="Such as 25.00; all that is left without."
    ),
]
Lines = Annotated[
    list[AskedLine] | None,
    typer.Option(
        "--line",
        metavar="N[:AMOUNT|=PIECES]",
        parser=arguments.line,
        help="A line, an amount or pieces of it; may be repeated.",
    ),
]
Net = Annotated[bool, typer.Option("--net", help="The amounts are without tax, which comes on top.")]
Cancel = Annotated[
    Literal["now", "period-end"] | None,
    typer.Option("--cancel-subscription", metavar="WHEN", help="Also end what it paid for."),
]
Revoke = Annotated[bool, typer.Option("--revoke-access", help="Also close at once what it opened.")]
Restock = Annotated[bool, typer.Option("--restock", help="Also put goods back; a service has no stock.")]
State = Annotated[RefundState | None, typer.Option("--state", metavar="STATE", help="Only this state.")]
Why = Annotated[
    Reason,
    typer.Option(
        "--reason",
        metavar="CODE",
        help="Why, as a code; --note says more.",
    ),
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What else is to be known; goes to the audit.")]
Ticket = Annotated[str, typer.Option("--ticket", metavar="ID", help="The support case it belongs to.")]
Again = Annotated[bool, typer.Option("--again", help="An equal refund within 10 minutes is meant.")]
RefundId = Annotated[
    str, typer.Argument(metavar="REFUND", parser=id_or_key("rfd", "refund"), help="Id of the refund (rfd_…).")
]


@app.command()
@read(schemas.PREVIEW)
def preview(
    call: Call,
    payment: arguments.Payment,
    amount: Amount = None,
    line: Lines = None,
    net: Net = False,
    cancel_subscription: Cancel = None,
    revoke_access: Revoke = False,
    restock: Restock = False,
    ticket: Ticket = "",
) -> Result:
    """Show what a refund would do: line by line, what the policy says, and what cannot be undone.

    Examples:
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --line 1:25.00 -o json
    """
    asked = _asked(amount, line, net, cancel_subscription, revoke_access, restock)
    body = PreviewRefund(**asked, ticket=ticket)
    shown = call.read(schemas.PREVIEW, body, payment=payment)
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(shown)
    from rtp_commands.receipt import command

    call.output.lines(_receipt(call, shown))
    typed = command(payment, amount, line, net=net, cancel=cancel_subscription, revoke=revoke_access, ticket=ticket)
    return Result(None, said=f"Nothing was changed. To carry it out: {typed}" if shown.allowed else "")


@app.command()
@write(schemas.ISSUE, severity=Severity.SEVERE, confirm="amount", waiting=SETTLED, side_effects="returns money")
def issue(
    call: Call,
    payment: arguments.Payment,
    reason: Why,
    amount: Amount = None,
    line: Lines = None,
    net: Net = False,
    note: Note = "",
    ticket: Ticket = "",
    cancel_subscription: Cancel = None,
    revoke_access: Revoke = False,
    restock: Restock = False,
    again: Again = False,
) -> Result:
    """Return money to the card it came from: all of a payment, an amount, lines, or pieces of a line.

    Nothing else happens unless it is asked for: the subscription goes on, and what is open stays open.

    Examples:
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00 --reason duplicate
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --line 1:25.00 --reason goodwill --ticket SUP-7
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason duplicate --cancel-subscription now
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00 --reason duplicate --dry-run
    """
    asked = _asked(amount, line, net, cancel_subscription, revoke_access, restock)
    body = IssueRefund(reason=reason, note=note, ticket=ticket, again=again, **asked)
    shown = PreviewRefund(**asked, ticket=ticket)
    call.receipt = lambda: _receipt(call, call.read(schemas.PREVIEW, shown, payment=payment))
    return _told(call.write(schemas.ISSUE, body, payment=payment))


@app.command()
@write(
    schemas.APPROVE,
    severity=Severity.SEVERE,
    confirm="refund",
    waiting=SETTLED,
    side_effects="returns money that another person asked for",
)
def approve(call: Call, refund: RefundId, note: Note = "") -> Refund:
    """Approve a refund that waits for a second person; who issued it cannot.

    Examples:
        rtp refunds approve rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds approve rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --note "Seen the bank statement."
    """
    return call.write(schemas.APPROVE, Decision(note=note), refund=refund)


@app.command()
@write(schemas.REJECT, side_effects="ends a refund that waits; its amount can be refunded again")
def reject(call: Call, refund: RefundId, note: Note = "") -> Refund:
    """Reject a refund that waits for a second person, or take back your own.

    Examples:
        rtp refunds reject rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds reject rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --note "The member used the room all month."
    """
    return call.write(schemas.REJECT, Decision(note=note), refund=refund)


@app.command()
@write(schemas.CANCEL, side_effects="ends a refund that was not sent yet; its amount can be refunded again")
def cancel(call: Call, refund: RefundId, note: Note = "") -> Refund:
    """Call off a refund that was not sent to the provider yet, as while its breaker is open.

    Examples:
        rtp refunds cancel rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds cancel rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --note "The wrong member."
    """
    return call.write(schemas.CANCEL, Decision(note=note), refund=refund)


@app.command()
@write(
    schemas.RETRY,
    waiting=SETTLED,
    side_effects="issues a failed refund anew; of another, asks the provider now under its own key",
)
def retry(call: Call, refund: RefundId) -> Result:
    """Issue a failed refund anew, linked to it; ask the provider now about one whose outcome is open.

    Examples:
        rtp refunds retry rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds retry rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --no-wait
    """
    return _told(call.write(schemas.RETRY, refund=refund))


@app.command("list")
@listing(schemas.LIST, columns=("id", "amount", "state", "reason", "created_at"))
def list_(call: Call, user: arguments.UserFilter = None, state: State = None) -> Listing[Refund]:
    """List refunds, newest first.

    Examples:
        rtp refunds list --user ada@example.com
        rtp refunds list --state waiting
        rtp refunds list --state unknown --since 24h
    """
    return call.list(schemas.LIST, user=user, state=state)


@app.command()
@read(schemas.SHOW)
def show(call: Call, refund: RefundId) -> Result:
    """Show one refund with its lines, who issued it and who approved it.

    Examples:
        rtp refunds show rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds show rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    shown = call.read(schemas.SHOW, refund=refund)
    return Result(shown, said=waits_for(shown.state, shown.failure_reason))


def _asked(
    amount: Asked | None,
    lines: list[AskedLine] | None,
    net: bool,
    cancel: str | None,
    revoke: bool,
    restock: bool,
) -> dict[str, Any]:
    """What was typed, as the request has it; the currency goes along, so that a server with another one refuses."""
    if amount is not None and lines:
        raise Usage(what="--amount and --line do not go together: give each line its amount, as --line 1:25.00")
    typed = [one for one in (amount, *(line.amount for line in lines or [])) if one is not None]
    asks = [
        LineAsk(position=line.position, amount=_minor(line.amount, "--line"), quantity=line.pieces)
        for line in lines or []
    ]
    return {
        "amount": _minor(amount, "--amount"),
        "currency": typed[0].code if typed else None,
        "lines": asks,
        "net": net,
        "cancel_subscription": "no" if cancel is None else cancel.replace("-", "_"),
        "revoke_access": revoke,
        "restock": restock,
    }


def _receipt(call: Call, shown: RefundPreview) -> list[Line]:
    from rtp_commands.receipt import refund

    return refund(shown, wide=call.output.wide, environment=call.environment)


def _told(refund: Refund) -> Result:
    """The refund; that nothing is paid before somebody else approves it is said with it."""
    waits = f"Nothing is paid yet: another person must run rtp refunds approve {refund.id}"
    return Result(refund, said=waits if refund.state == "waiting" else "")


def _minor(amount: Asked | None, flag: str) -> int | None:
    try:
        return None if amount is None else amount.minor()
    except ValueError as error:
        raise Usage(what=f"{flag}: {error}") from error


app.registered_commands += refunds_policy.app.registered_commands
app.registered_commands += refunds_bulk.app.registered_commands
