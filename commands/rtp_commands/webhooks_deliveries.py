"""`rtp webhooks deliveries` and `rtp webhooks resend`: what went out, what came of it, and once more."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.webhooks import schemas
from rtp.webhooks.schemas import Delivery, DeliveryDetail, DeliveryState, Resend, Resent
from rtp_commands.arguments import id_or_key, instant
from rtp_commands.call import Call, Listing, Result, listing, read, write

app = typer.Typer()

_delivery = id_or_key("whd", "webhook delivery")
EndpointFilter = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="ENDPOINT", parser=id_or_key("we", "webhook endpoint"), help="Id (we_…)."),
]
EventFilter = Annotated[
    str | None, typer.Option("--event", metavar="EVENT", parser=id_or_key("evt", "event"), help="Id (evt_…).")
]


@app.command("deliveries list")
@listing(schemas.DELIVERIES_LIST, columns=("id", "type", "state", "attempts", "last_status", "created_at"))
def list_(
    call: Call,
    endpoint: EndpointFilter = None,
    event: EventFilter = None,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Such as refund.succeeded.")] = None,
    state: Annotated[DeliveryState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
) -> Listing[Delivery]:
    """List deliveries, newest first; `--state failed` are those that were given up.

    Examples:
        rtp webhooks deliveries list --state failed --since 24h
        rtp webhooks deliveries list --endpoint we_01J9ZK3V5W8X2Y4A6B7C8D9E0F
    """
    return call.list(schemas.DELIVERIES_LIST, endpoint=endpoint, event=event, type=type, state=state)


@app.command("deliveries show")
@read(schemas.DELIVERIES_SHOW)
def show(
    call: Call,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", parser=_delivery, help="Id (whd_…).")],
) -> DeliveryDetail:
    """Show what is sent, and each attempt with the beginning of the answer.

    Examples:
        rtp webhooks deliveries show whd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp webhooks deliveries show whd_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.DELIVERIES_SHOW, delivery=delivery)


@app.command()
@write(schemas.RESEND, side_effects="sends again, under the same message ids; listeners get it, too")
def resend(
    call: Call,
    delivery: Annotated[
        str | None, typer.Argument(metavar="[DELIVERY]", parser=_delivery, help="Id of one delivery (whd_…).")
    ] = None,
    event: EventFilter = None,
    endpoint: EndpointFilter = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", parser=instant, help="All that the endpoint did not take since then."),
    ] = None,
) -> Result:
    """Send again: one delivery, one event, or all that an endpoint missed since a time.

    Examples:
        rtp webhooks resend whd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp webhooks resend --event evt_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp webhooks resend --endpoint we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --since 24h
    """
    body = Resend(delivery=delivery or "", event=event or "", endpoint=endpoint or "", since=since or "")
    done: Resent = call.write(schemas.RESEND, body)
    return Result(done, said="There is more: the same command sends the next ones." if done.more else "")
