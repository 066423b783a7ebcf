"""`rtp subscriptions`: what members are subscribed to, from trial to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtp.subscriptions import schemas
from rtp.subscriptions.schemas import (
    CancelSubscription,
    CreateSubscription,
    RenewSubscription,
    ResumeSubscription,
    Status,
    Subscription,
)
from rtp_commands import arguments
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Result, Severity, Waiting, listing, read, write

app = typer.Typer()
COLUMNS = ("id", "user_id", "product", "status")

PAID = Waiting(
    operation=schemas.SHOW,
    param="subscription",
    done=frozenset({"succeeded", "none"}),
    failed=frozenset({"failed"}),
    field="payment_state",
    why="payment_failure",
)
Key = Annotated[
    str,
    typer.Argument(
        metavar="SUBSCRIPTION", parser=id_or_key("sub", "subscription"), help="Id of the subscription (sub_…)."
    ),
]
Card = Annotated[
    str | None,
    typer.Option("--card", metavar="CARD", help="A payment method (pm_…) or a card the provider knows, such as visa."),
]
NewPrice = Annotated[str, typer.Option("--price", metavar="PRICE", help="Key of the price, see rtp prices list.")]
State = Annotated[Status | None, typer.Option("--status", metavar="STATUS", help="Only this status.")]
OfPrice = Annotated[str | None, typer.Option("--price", metavar="PRICE", help="Only of this price.")]
DueBefore = Annotated[
    str | None,
    typer.Option("--due-before", metavar="WHEN", help="Whose next step is due before an instant, soonest first."),
]


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(
    call: Call,
    user: arguments.UserFilter = None,
    status: State = None,
    price: OfPrice = None,
    due_before: DueBefore = None,
) -> Listing[Subscription]:
    """List subscriptions, newest first.

    Examples:
        rtp subscriptions list --user ada@example.com
        rtp subscriptions list --status past_due --due-before 2026-12-01
    """
    return call.list(schemas.LIST, user=user, status=status, price=price, due_before=due_before)


@app.command()
@read(schemas.SHOW)
def show(call: Call, subscription: Key) -> Subscription:
    """Show one subscription.

    Examples:
        rtp subscriptions show sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp subscriptions show sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.SHOW, subscription=subscription)


@app.command()
@write(
    schemas.CREATE,
    severity=Severity.MODERATE,
    reversible="rtp subscriptions cancel ID --now",
    waiting=PAID,
    side_effects="charges the card, unless there is a trial",
)
def create(call: Call, user: arguments.User, price: NewPrice, card: Card = None) -> Subscription:
    """Subscribe a member: with the price's trial at the first time, else with a charge at once.

    Examples:
        rtp subscriptions create ada@example.com --price day-trading-room-monthly --card visa
        rtp subscriptions create ada@example.com --price alerts-only-monthly --card visa --dry-run
    """
    return call.write(schemas.CREATE, CreateSubscription(user=user, price=price, card=card))


@app.command()
@write(
    schemas.CANCEL,
    severity=Severity.MODERATE,
    reversible="rtp subscriptions resume ID",
)
def cancel(
    call: Call,
    subscription: Key,
    now: Annotated[bool, typer.Option("--now", help="Close it at once; what is paid is not returned.")] = False,
) -> Subscription:
    """End a subscription at the end of what is paid for, until when it can be resumed; or now, which is final.

    Examples:
        rtp subscriptions cancel sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "moves to another room"
        rtp subscriptions cancel sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --now --dry-run
    """
    return call.write(schemas.CANCEL, CancelSubscription(now=now), subscription=subscription)


@app.command()
@write(schemas.PAUSE, reversible="rtp subscriptions resume ID")
def pause(call: Call, subscription: Key) -> Subscription:
    """Stop access and charges; what is left of the paid period is kept.

    Examples:
        rtp subscriptions pause sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "two months abroad"
        rtp subscriptions pause sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    return call.write(schemas.PAUSE, subscription=subscription)


@app.command()
@write(
    schemas.RESUME,
    reversible="rtp subscriptions pause ID",
    waiting=PAID,
    side_effects="charges the card when nothing paid was left",
)
def resume(call: Call, subscription: Key, card: Card = None) -> Subscription:
    """Go on after a pause, or take back a cancellation before it comes into force.

    Examples:
        rtp subscriptions resume sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp subscriptions resume sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --card visa --reason "back again"
    """
    return call.write(schemas.RESUME, ResumeSubscription(card=card), subscription=subscription)


@app.command()
@write(schemas.RENEW, severity=Severity.MODERATE, waiting=PAID, side_effects="charges the card")
def renew(call: Call, subscription: Key, card: Card = None) -> Subscription:
    """Charge the next period by hand: early, or after a charge that failed.

    Examples:
        rtp subscriptions renew sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp subscriptions renew sub_01J9ZK3V5W8X2Y4A6B7C8D9E0F --card visa --reason "called with a new card"
    """
    return call.write(schemas.RENEW, RenewSubscription(card=card), subscription=subscription)


@app.command("import")
@write(
    schemas.IMPORT,
    severity=Severity.MODERATE,
    exit_codes=(8,),
    side_effects="subscribes the members of the file, and charges their cards where there is no trial",
)
def import_(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8, with the columns email, price, card.")],
    result: Annotated[Path | None, typer.Option("--result", metavar="FILE", help="CSV of the refused rows.")] = None,
) -> Result:
    """Subscribe members from a CSV file; who has the product already is left as is, refused rows are told one by one.

    Examples:
        rtp subscriptions import examples/subscriptions.csv --result refused.csv
        rtp subscriptions import examples/subscriptions.csv --dry-run
    """
    from rtp_commands.csv_import import Format, import_file

    columns = {"email": None, "price": None, "card": ""}
    format = Format(operation=schemas.IMPORT, columns=columns, most=schemas.MAX_IMPORT_ROWS)
    return import_file(call, file, result, format)
