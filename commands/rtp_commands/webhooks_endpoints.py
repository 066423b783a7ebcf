"""`rtp webhooks endpoints`: where events go, which, and with which secrets they are signed."""

from __future__ import annotations

import threading
import time
from typing import Annotated

import typer

from rtp.errors import ExitCode
from rtp.kit.clock import to_text
from rtp.webhooks import schemas
from rtp.webhooks.schemas import (
    CreatedEndpoint,
    CreateEndpoint,
    Delivery,
    DeliveryDetail,
    Endpoint,
    EndpointDetail,
    EndpointState,
    RotateSecret,
    Signing,
    UpdateEndpoint,
)
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Begins, Call, Listing, Result, Severity, listing, read, write
from rtp_commands.errors import StillPending, Usage

app = typer.Typer()
TESTED = "webhook_endpoint.tested"
PAUSE = 0.25
_pause = threading.Event()

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT", parser=id_or_key("we", "webhook endpoint"), help="Id (we_…).")
]
Events = Annotated[
    str | None,
    typer.Option("--events", metavar="A,B", help="Types and families: refund.*,payment.succeeded; * is all."),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]


@app.command("endpoints create")
@write(
    schemas.ENDPOINTS_CREATE,
    severity=Severity.MODERATE,
    reversible="rtp webhooks endpoints delete ID",
    side_effects="sends what happens to members to that URL, from now on",
)
def create(
    call: Call,
    url: Annotated[str, typer.Argument(metavar="URL", help="An https URL on the open internet.")],
    events: Events = None,
    signing: Annotated[
        Signing, typer.Option("--kind", metavar="KIND", help="v1: a shared secret; v1a: Ed25519, with a public key.")
    ] = "v1",
    description: Description = None,
    loopback: Annotated[bool, typer.Option("--allow-loopback", help="Plain http to this machine; dev only.")] = False,
) -> CreatedEndpoint:
    """Send events to a URL; the secret to check them with is shown this once.

    Examples:
        rtp webhooks endpoints create https://hooks.example.com/rtp -o json
        rtp webhooks endpoints create https://hooks.example.com/rtp --events "refund.*"
        rtp webhooks endpoints create http://127.0.0.1:3000 --allow-loopback
    """
    body = CreateEndpoint(
        url=url,
        events=_patterns(events) or ["*"],
        signing=signing,
        description=description or "",
        loopback=loopback,
    )
    return call.write(schemas.ENDPOINTS_CREATE, body)


@app.command("endpoints list")
@listing(schemas.ENDPOINTS_LIST, columns=("id", "url", "events", "state", "failures"))
def list_(
    call: Call,
    state: Annotated[EndpointState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
) -> Listing[Endpoint]:
    """List endpoints, newest first; a listener is one while it listens.

    Examples:
        rtp webhooks endpoints list
        rtp webhooks endpoints list --state disabled --fields id,url,disabled_reason
    """
    return call.list(schemas.ENDPOINTS_LIST, state=state)


@app.command("endpoints show")
@read(schemas.ENDPOINTS_SHOW)
def show(call: Call, endpoint: EndpointId) -> EndpointDetail:
    """Show an endpoint and the keys that sign for it, without their secrets.

    Examples:
        rtp webhooks endpoints show we_01J9ZK3V5W8X2Y4A6B7C8D9E0F
    """
    return call.read(schemas.ENDPOINTS_SHOW, endpoint=endpoint)


@app.command("endpoints update")
@write(
    schemas.ENDPOINTS_UPDATE,
    severity=Severity.MODERATE,
    reversible="rtp webhooks endpoints update ENDPOINT",
    side_effects="what is on its way already goes to the new URL, too",
)
def update(
    call: Call,
    endpoint: EndpointId,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Where events go instead.")] = None,
    events: Events = None,
    description: Description = None,
) -> EndpointDetail:
    """Change where events go, which, or what the endpoint is for.

    Examples:
        rtp webhooks endpoints update we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --events "refund.*"
        rtp webhooks endpoints update we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --description CRM
    """
    if url is None and events is None and description is None:
        raise Usage(what="nothing to change is given: --url, --events or --description")
    body = UpdateEndpoint(url=url, events=_patterns(events), description=description)
    return call.write(schemas.ENDPOINTS_UPDATE, body, endpoint=endpoint)


@app.command("endpoints rotate")
@write(
    schemas.ENDPOINTS_ROTATE,
    severity=Severity.MODERATE,
    side_effects="ends the old secret when the overlap ends",
)
def rotate(
    call: Call,
    endpoint: EndpointId,
    overlap: Annotated[
        int, typer.Option("--overlap", metavar="HOURS", min=0, max=168, help="How long both secrets sign.")
    ] = 24,
) -> CreatedEndpoint:
    """Draw a new secret, shown this once; the old one signs beside it for a while.

    Examples:
        rtp webhooks endpoints rotate we_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
        rtp webhooks endpoints rotate we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --overlap 0 --reason leaked
    """
    return call.write(schemas.ENDPOINTS_ROTATE, RotateSecret(overlap=overlap), endpoint=endpoint)


@app.command("endpoints enable")
@write(
    schemas.ENDPOINTS_ENABLE,
    reversible="rtp webhooks endpoints disable ENDPOINT",
    side_effects="sends what happens from now on; what was missed: rtp webhooks resend --endpoint",
)
def enable(call: Call, endpoint: EndpointId) -> EndpointDetail:
    """Send to an endpoint again.

    Examples:
        rtp webhooks endpoints enable we_01J9ZK3V5W8X2Y4A6B7C8D9E0F
    """
    return call.write(schemas.ENDPOINTS_ENABLE, endpoint=endpoint)


@app.command("endpoints disable")
@write(
    schemas.ENDPOINTS_DISABLE,
    reversible="rtp webhooks endpoints enable ENDPOINT",
    side_effects="what is on its way there is canceled when its time comes",
)
def disable(call: Call, endpoint: EndpointId) -> EndpointDetail:
    """Send nothing more to an endpoint, until it is enabled.

    Examples:
        rtp webhooks endpoints disable we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "asked to"
    """
    return call.write(schemas.ENDPOINTS_DISABLE, endpoint=endpoint)


@app.command("endpoints delete")
@write(
    schemas.ENDPOINTS_DELETE,
    severity=Severity.MODERATE,
    side_effects="forgets its secrets, and the record of what was delivered there",
)
def delete(call: Call, endpoint: EndpointId) -> Endpoint:
    """Forget an endpoint, its secrets and its deliveries.

    Examples:
        rtp webhooks endpoints delete we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "moved"
    """
    return call.write(schemas.ENDPOINTS_DELETE, endpoint=endpoint)


@app.command("endpoints test")
@write(
    schemas.ENDPOINTS_TEST,
    begins=Begins(watch="rtp webhooks deliveries list --endpoint ID"),
    side_effects="sends one message of type webhook_endpoint.tested",
    exit_codes=(7, 14),
)
def test(call: Call, endpoint: EndpointId) -> Result:
    """Send one message to an endpoint and show what it answered; exit code 7 when it did not take it.

    Examples:
        rtp webhooks endpoints test we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --no-wait
        rtp webhooks endpoints test we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --timeout 60
    """
    before = {one.id for one in _tests(call, endpoint)} if call.flags.wait and not call.flags.dry_run else set()
    asked = call.write(schemas.ENDPOINTS_TEST, endpoint=endpoint)
    if not call.flags.wait:
        return Result(asked)
    tried = _tried(call, endpoint, before)
    taken = tried.state == "succeeded"
    return Result(tried, ExitCode.OK if taken else ExitCode.REFUSED, _outcome(tried, taken=taken))


def _outcome(tried: DeliveryDetail, *, taken: bool) -> str:
    answered = f"it answered {tried.last_status}" if tried.last_status else f"nothing answered ({tried.last_error})"
    if taken:
        return f"Taken: {answered}."
    again = f"; it is tried again at {to_text(tried.next_attempt_at)}" if tried.next_attempt_at else ""
    return f"Not taken: {answered}{again}. Look: rtp webhooks deliveries show {tried.id}"


def _tried(call: Call, endpoint: str, before: set[str]) -> DeliveryDetail:
    """The delivery of the test, once it was tried.

    Raises: StillPending.
    """
    until = time.monotonic() + call.flags.timeout
    while time.monotonic() < until:
        for one in _tests(call, endpoint):
            if one.id not in before and one.attempts:
                return call.client.read(schemas.DELIVERIES_SHOW, delivery=one.id)
        _pause.wait(PAUSE)
    raise StillPending(
        what="the test", state="pending", seconds=f"{call.flags.timeout:g}",
        hint=f"rtp webhooks deliveries list --endpoint {endpoint}",
    )  # fmt: skip


def _tests(call: Call, endpoint: str) -> list[Delivery]:
    return call.client.page(schemas.DELIVERIES_LIST, endpoint=endpoint, type=TESTED, limit=20).items


def _patterns(text: str | None) -> list[str] | None:
    if text is None:
        return None
    wanted = [one.strip() for one in text.split(",") if one.strip()]
    if not wanted:
        raise Usage(what="--events names no event (an empty variable?); without --events, or with *, all are sent")
    return wanted
