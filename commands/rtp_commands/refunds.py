"""`rtp refunds`: money back to the card it came from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
    RefundState,
)
from rtp_commands import arguments, refunds_bulk, refunds_policy, refunds_report
from rtp_commands.arguments import PAYMENT, Asked, AskedLine, id_or_key
from rtp_commands.call import Call, Listing, Result, Severity, listing, read, write
from rtp_commands.errors import Usage
from rtp_commands.refunds_told import SETTLED, approving, freed, issuing, receipt_of

app = typer.Typer()

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
REFUND = id_or_key("rfd", "refund")
RefundId = Annotated[str, typer.Argument(metavar="REFUND", parser=REFUND, help="Id of the refund (rfd_…).")]
PaymentOrRefund = Annotated[
    str,
    typer.Argument(
        metavar="PAYMENT",
        parser=lambda text: (REFUND if text.strip().startswith("rfd_") else PAYMENT)(text),
        help="Id of the payment (pay_…), or of a refund that waits (rfd_…).",
    ),
]


@app.command()
@read(schemas.PREVIEW, schemas.REVIEW)
def preview(
    call: Call,
    payment: PaymentOrRefund,
    amount: Amount = None,
    line: Lines = None,
    net: Net = False,
    cancel_subscription: Cancel = None,
    revoke_access: Revoke = False,
    restock: Restock = False,
    ticket: Ticket = "",
) -> Result:
    """Show what a refund would do: line by line, what the policy says, and what cannot be undone.

    Of a refund that waits for a second person it shows what approving it would do, and whether you may.

    Examples:
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --line 1:25.00 -o json
        rtp refunds preview rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
    """
    if payment.startswith("rfd_"):
        return _review(call, payment)
    asked = _asked(amount, line, net, cancel_subscription, revoke_access, restock)
    body = PreviewRefund(**asked, ticket=ticket)
    shown = call.read(schemas.PREVIEW, body, payment=payment)
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(shown)
    from rtp_commands.receipt import command

    call.output.lines(receipt_of(call, shown))
    typed = command(payment, amount, line, net=net, cancel=cancel_subscription, revoke=revoke_access, ticket=ticket)
    return Result(None, said=f"Nothing was changed. To carry it out: {typed}" if shown.allowed else "")


@app.command()
@write(
    schemas.ISSUE,
    severity=Severity.SEVERE,
    confirm="amount",
    waiting=SETTLED,
    receipt=issuing,
    side_effects="returns money",
)
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
) -> Refund:
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
    return call.write(schemas.ISSUE, body, payment=payment)


@app.command()
@write(
    schemas.APPROVE,
    schemas.REVIEW,
    severity=Severity.SEVERE,
    confirm="amount",
    waiting=SETTLED,
    receipt=approving,
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
def reject(call: Call, refund: RefundId, note: Note = "") -> Result:
    """Reject a refund that waits for a second person, or take back your own.

    Examples:
        rtp refunds reject rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds reject rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --note "The member used the room all month."
    """
    return freed(call.write(schemas.REJECT, Decision(note=note), refund=refund))


@app.command()
@write(schemas.CANCEL, side_effects="ends a refund that was not sent yet; its amount can be refunded again")
def cancel(call: Call, refund: RefundId, note: Note = "") -> Result:
    """Call off a refund that was not sent to the provider yet, as while its breaker is open.

    Examples:
        rtp refunds cancel rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds cancel rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --note "The wrong member."
    """
    return freed(call.write(schemas.CANCEL, Decision(note=note), refund=refund))


@app.command()
@write(
    schemas.RETRY,
    waiting=SETTLED,
    side_effects="issues a failed refund anew; of another, asks the provider now under its own key",
)
def retry(call: Call, refund: RefundId) -> Refund:
    """Issue a failed refund anew, linked to it; ask the provider now about one whose outcome is open.

    Examples:
        rtp refunds retry rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds retry rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F --no-wait
    """
    return call.write(schemas.RETRY, refund=refund)


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


def _review(call: Call, refund: str) -> Result:
    if given := [name for name, value in call.given.items() if value and name != "payment"]:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise Usage(what=f"{refund} was issued already and says itself what it returns: leave out {flags}")
    shown = call.read(schemas.REVIEW, refund=refund)
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(shown)
    call.output.lines(receipt_of(call, shown))
    ways = f"To approve it: rtp refunds approve {refund}, else: rtp refunds reject {refund}"
    return Result(None, said=f"Nothing was changed. {ways}" if shown.allowed else "")


def _minor(amount: Asked | None, flag: str) -> int | None:
    try:
        return None if amount is None else amount.minor()
    except ValueError as error:
        raise Usage(what=f"{flag}: {error}") from error


app.registered_commands += refunds_policy.app.registered_commands
app.registered_commands += refunds_bulk.app.registered_commands
app.registered_commands += refunds_report.app.registered_commands
