"""`rtp sandbox`: the built-in payment provider, how it misbehaves, and what it tells."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from rtp.sandbox import schemas
from rtp.sandbox.schemas import (
    Control,
    Decline,
    DisputeOutcome,
    DisputeReason,
    OpenDispute,
    Sandbox,
    SandboxDispute,
    SandboxEvent,
    WebhookMode,
)
from rtp_commands import arguments
from rtp_commands.arguments import Asked
from rtp_commands.call import Call, Listing, Severity, listing, read, write
from rtp_commands.errors import Usage

app = typer.Typer()
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


@arguments.refusing
def _millis(text: str) -> int:
    """`300ms`, `5s`, `10m`, `1h`."""
    found = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h)", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no length of time such as 300ms, 5s, 10m or 1h")
    return int(found[1]) * _UNITS[found[2]]


@arguments.refusing
def _rate(text: str) -> float:
    """`0.25` or `25%`."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)(%?)", text.strip())
    rate = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f"{text!r} is no share such as 25% or 0.25")
    return rate


def _time(flag: str, help: str) -> Any:
    return typer.Option(flag, metavar="TIME", parser=_millis, help=help)


def _share(flag: str, help: str) -> Any:
    return typer.Option(flag, metavar="SHARE", parser=_rate, help=help)


Latency = Annotated[int | None, _time("--latency", "Wait so long before each answer.")]
FailRate = Annotated[float | None, _share("--fail-rate", "Fail this share of calls, with nothing done.")]
LostRate = Annotated[float | None, _share("--lost-answer-rate", "Do this share, and never answer.")]
Hang = Annotated[bool, typer.Option("--hang", help="Take calls and never answer, with nothing done.")]
Down = Annotated[bool, typer.Option("--down", help="Turn every call away.")]
DeclineAll = Annotated[
    Decline | None, typer.Option("--decline", metavar="REASON", help="Decline every new charge, such as expired_card.")
]
FeeShare = Annotated[
    int | None, typer.Option("--fee-basis-points", metavar="N", help="Its share of what is captured; 290 is 2.9 %.")
]
FeeFixed = Annotated[int | None, typer.Option("--fee-fixed", metavar="N", help="And so many minor units; 30.")]
ChargeDelay = Annotated[int | None, _time("--charge-delay", "Charges are pending so long.")]
ChargesPending = Annotated[bool, typer.Option("--charges-pending", help="Charges stay pending until a reset.")]
RefundDelay = Annotated[int | None, _time("--refund-delay", "Refunds are pending so long.")]
RefundsPending = Annotated[bool, typer.Option("--refunds-pending", help="Refunds stay pending until a reset.")]
RefundFailure = Annotated[
    str | None, typer.Option("--refund-failure", metavar="REASON", help="Refunds fail, such as card_account_closed.")
]
RefundFailsAfter = Annotated[int | None, _time("--refund-fails-after", "And so long they count as succeeded.")]
DisputeFee = Annotated[
    int | None, typer.Option("--dispute-fee", metavar="N", help="What each dispute costs, in minor units; 1500.")
]
DisputeDays = Annotated[
    int | None, typer.Option("--dispute-days", metavar="N", help="Days in which a dispute must be answered; 7.")
]
DisputeDelay = Annotated[int | None, _time("--dispute-delay", "A dispute is under review so long.")]
Outcome = Annotated[
    DisputeOutcome | None, typer.Option("--dispute-outcome", metavar="OUTCOME", help="How it ends: won, lost, or open.")
]
Webhooks = Annotated[
    WebhookMode | None,
    typer.Option("--webhooks", metavar="MODE", help="normal, duplicate, reordered, forged or dropped."),
]
WebhookDelay = Annotated[int | None, _time("--webhook-delay", "Send webhooks so much later.")]
WebhookUrl = Annotated[
    str | None, typer.Option("--webhook-url", metavar="URL", help="Send them there; this instance without one.")
]
Ttl = Annotated[int | None, _time("--ttl", "Behave again after this time, an hour at most; never without.")]


@app.command()
@read(schemas.SHOW)
def show(call: Call) -> Sandbox:
    """Show how the sandbox is steered, until when, and how much its record holds.

    Examples:
        rtp sandbox show
        rtp sandbox show -o json
    """
    return call.read(schemas.SHOW)


@app.command("set")
@write(schemas.SET, reversible="rtp sandbox reset", side_effects="the payment provider misbehaves until a reset")
def set_(
    call: Call,
    latency_ms: Latency = None,
    fail_rate: FailRate = None,
    lost_answer_rate: LostRate = None,
    hang: Hang = False,
    down: Down = False,
    decline: DeclineAll = None,
    fee_basis_points: FeeShare = None,
    fee_fixed: FeeFixed = None,
    charge_delay_ms: ChargeDelay = None,
    charges_pending: ChargesPending = False,
    refund_delay_ms: RefundDelay = None,
    refunds_pending: RefundsPending = False,
    refund_failure: RefundFailure = None,
    refund_fails_after_ms: RefundFailsAfter = None,
    dispute_fee: DisputeFee = None,
    dispute_days: DisputeDays = None,
    dispute_delay_ms: DisputeDelay = None,
    dispute_outcome: Outcome = None,
    webhooks: Webhooks = None,
    webhook_delay_ms: WebhookDelay = None,
    webhook_url: WebhookUrl = None,
    ttl: Ttl = None,
) -> Control:
    """Make the payment provider misbehave from now on; what is not named behaves.

    Examples:
        rtp sandbox set --webhook-delay 1ms --ttl 1s
        rtp sandbox set --fail-rate 5% --latency 300ms --ttl 10m --dry-run
        rtp sandbox set --webhooks duplicate --refund-delay 2s --ttl 1s
        rtp sandbox set --refund-failure card_account_closed --refund-fails-after 5s --ttl 1s
    """
    knobs = {name: value for name, value in call.given.items() if name != "ttl" and value not in (None, False)}
    if not knobs:
        raise Usage(what="nothing to set: name at least one way to misbehave, or see `rtp sandbox reset`")
    return call.write(schemas.SET, Control(**knobs, ttl_seconds=(ttl or 0) / 1000))


@app.command()
@write(schemas.RESET, reversible="rtp sandbox set", side_effects="the payment provider behaves")
def reset(call: Call) -> Control:
    """Make the payment provider behave; what it held back is settled.

    Examples:
        rtp sandbox reset
        rtp sandbox reset --dry-run
    """
    return call.write(schemas.RESET)


@app.command()
@write(schemas.DISPUTE, severity=Severity.MODERATE, side_effects="a cardholder objects; the sandbox holds the money")
def dispute(
    call: Call,
    payment: arguments.Payment,
    because: Annotated[
        DisputeReason, typer.Option("--because", metavar="REASON", help="Such as product_not_received.")
    ] = "fraudulent",
    amount: Annotated[
        Asked | None,
        typer.Option("--amount", metavar="AMOUNT", parser=arguments.amount, help="All that was not returned without."),
    ] = None,
) -> SandboxDispute:
    """Let the cardholder of a payment object to it, as a bank would report it.

    Examples:
        rtp sandbox dispute pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp sandbox dispute pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 5.00 --dry-run
    """
    minor, currency = (amount.minor(), amount.code) if amount else (None, "")
    body = OpenDispute(reason=because, amount=minor, currency=currency)
    return call.write(schemas.DISPUTE, body, payment=payment)


@app.command("events list")
@listing(schemas.EVENTS, columns=("id", "type", "about", "delivery", "attempts", "created_at"))
def events_list(call: Call) -> Listing[SandboxEvent]:
    """List what the sandbox told by webhook, newest first, and whether it was taken.

    Examples:
        rtp sandbox events list
        rtp sandbox events list --since 1h -o json
    """
    return call.list(schemas.EVENTS)
