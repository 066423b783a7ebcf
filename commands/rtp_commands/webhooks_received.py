"""`rtp webhooks received`: what providers told, what came of it, and trying again."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from rtp.webhooks import schemas
from rtp.webhooks.schemas import Received, ReceivedDetail, ReceivedState
from rtp_commands.arguments import refusing
from rtp_commands.call import Call, Listing, Waiting, listing, read, write

app = typer.Typer()

DONE = Waiting(
    operation=schemas.RECEIVED_SHOW,
    param="event",
    done=frozenset({"processed", "ignored"}),
    failed=frozenset({"failed", "unmatched"}),
    why="error",
    look="rtp webhooks received show",
)


@refusing
def _event(text: str) -> str:
    other = re.fullmatch(r"([a-z]+)_[0-9A-HJKMNP-TV-Z]{13,26}", text)
    if other and other[1] != "whr":
        from rtp.kit.ids import NOUNS

        if other[1] in NOUNS:
            raise ValueError(f"that is the id of another thing ({NOUNS[other[1]]}); its events: list --about {text}")
    if not re.fullmatch(r"[!-.0-~]{1,255}", text):
        raise ValueError(f"{text!r} is neither our id of a received webhook (whr_…) nor its provider's")
    return text


@refusing
def _about(text: str) -> str:
    """An id of ours, or what a provider calls what only it has: a reference of parts, as `ch_3Q…` or `made-by-hand`."""
    from rtp.kit.ids import NOUNS

    ours = re.fullmatch(r"(pay|rfd)_[0-9A-HJKMNP-TV-Z]{26}", text)
    prefix = text.partition("_")[0]
    if ours is None and (prefix in NOUNS or not re.fullmatch(r"[0-9A-Za-z]+([_-][0-9A-Za-z]+)+", text)):
        raise ValueError(
            f"{text!r} is neither the id of a payment (pay_…) or refund (rfd_…) nor a provider's reference"
        )
    return text


Event = Annotated[
    str, typer.Argument(metavar="EVENT", parser=_event, help="Our id of the event (whr_…), or its provider's.")
]


@app.command("received list")
@listing(schemas.RECEIVED_LIST, columns=("id", "type", "about", "state", "outcome", "received_at"))
def list_(
    call: Call,
    state: Annotated[ReceivedState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
    type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this type; refund.* is all of refunds.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only of this provider, such as sandbox.")
    ] = None,
    about: Annotated[
        str | None,
        typer.Option("--about", metavar="ID", parser=_about, help="Only about this payment (pay_…) or refund (rfd_…)."),
    ] = None,
) -> Listing[Received]:
    """List the events that providers sent, newest first; `--state failed` are those that wait for somebody.

    Examples:
        rtp webhooks received list --state failed --since 24h
        rtp webhooks received list --type "refund.*" --provider sandbox
        rtp webhooks received list --about pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
    """
    return call.list(schemas.RECEIVED_LIST, state=state, type=type, provider=provider, about=about)


@app.command("received show")
@read(schemas.RECEIVED_SHOW)
def show(call: Call, event: Event) -> ReceivedDetail:
    """Show one event: what came over the wire, what it did here, and why not.

    Examples:
        rtp webhooks received show whr_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp webhooks received show whr_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.RECEIVED_SHOW, event=event)


@app.command("received retry")
@write(schemas.RECEIVED_RETRY, waiting=DONE, side_effects="the event has its effect, unless it had it already")
def retry(call: Call, event: Event) -> Received:
    """Process an event again that failed or was ignored.

    Examples:
        rtp webhooks received retry whr_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp webhooks received retry whr_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    return call.write(schemas.RECEIVED_RETRY, event=event)
