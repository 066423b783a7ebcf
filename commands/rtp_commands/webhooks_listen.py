"""`rtp webhooks listen`: events as they come, forwarded to handlers of this machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rtp.client import ApiError, OutcomeUnknown, ServerTimedOut, Unreachable
from rtp.errors import RtpError
from rtp.kit.clock import to_text
from rtp.webhooks import schemas
from rtp.webhooks.schemas import CreatedEndpoint, CreateEndpoint, Delivery, DueDelivery, ReportTried, Tried
from rtp_commands.arguments import refusing
from rtp_commands.call import Call, local
from rtp_commands.errors import Usage
from rtp_commands.formats import ndjson
from rtp_commands.webhooks_forward import Forwarded, Forwarder, Route, route
from rtp_commands.words import safe

app = typer.Typer()
LONGEST_WAIT = 20.0
PAUSE = 1.0
_SPANS = {"s": 1, "m": 60, "h": 3600}
_pause = threading.Event()
_AWAY = (Unreachable, ServerTimedOut, OutcomeUnknown)


@refusing
def _span(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in _SPANS):
        raise ValueError(f"{text!r} is not a span such as 30s, 10m or 2h")
    return float(number) * _SPANS[unit]


@app.command()
@local(
    schemas.DUE,
    schemas.REPORT,
    schemas.ENDPOINTS_CREATE,
    schemas.ENDPOINTS_DELETE,
    side_effects="adds an endpoint for each route, which ends with it; sends events to your handlers",
    exit_codes=(5, 7),
)
def listen(
    call: Call,
    forward: Annotated[
        list[str] | None,
        typer.Option("--forward", metavar="PATTERN=URL", help="refund.*=http://127.0.0.1:3000/a; as often as wanted."),
    ] = None,
    print_json: Annotated[bool, typer.Option("--print-json", help="One JSON object a line, nothing else.")] = False,
    ends: Annotated[
        float | None, typer.Option("--for", metavar="SPAN", parser=_span, help="End by itself: 30s, 10m, 2h.")
    ] = None,
) -> None:
    """Forward events to handlers of this machine, as they happen, signed as in production, until Ctrl-C.

    Each route is an endpoint of its own: what its handler does not take is tried again on the published schedule, and
    `rtp webhooks resend` reaches it. A pattern without a URL only shows what comes.

    Examples:
        rtp webhooks listen --forward "dispute.*=http://127.0.0.1:3000/disputes" --for 1s
        rtp webhooks listen --forward "dispute.*" --for 1s -o ndjson
    """
    if call.flags.output in ("yaml", "csv"):
        raise Usage(what="what has no end is told as a table or as one JSON object a line (-o ndjson)")
    routes = [route(text) for text in forward or ["*"]]
    _Listener(call, routes, as_json=print_json or call.flags.output != "table").run(ends)


class _Listener:
    """One run: endpoints made, messages taken and forwarded, endpoints removed whatever happened."""

    def __init__(self, call: Call, routes: Sequence[Route], *, as_json: bool) -> None:
        self.call = call
        self.routes = routes
        self.as_json = as_json
        self.made: dict[str, Route] = {}
        self.untold: list[Forwarded] = []

    def run(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        forwarder = Forwarder(self.routes)
        try:
            for one in self.routes:
                self._add(one)
            while until is None or time.monotonic() < until:
                self._step(forwarder, until)
            forwarder.close()
        finally:
            self._remove()

    def _add(self, one: Route) -> None:
        body = CreateEndpoint(kind="listen", events=[one.pattern], description=one.url)
        made: Any = self.call.client.write(schemas.ENDPOINTS_CREATE, body).value
        assert isinstance(made, CreatedEndpoint)
        self.made[made.id] = one
        if self.as_json:
            self._print({"listening": one.pattern, "url": one.url, "endpoint": made.id, "secret": made.secret})
        else:
            self.call.say(f"{one.pattern} → {one.url or 'shown here'} ({made.id}, secret {made.secret})")

    def _step(self, forwarder: Forwarder, until: float | None) -> None:
        """Take what is due, forward it, and say what came of it; a server that is away is waited for.

        What it has not heard of is told again first: it would give that out once more, and a handler would do it twice.
        """
        wait = min(LONGEST_WAIT, self.call.flags.timeout / 2)
        if until is not None:
            wait = max(0.0, min(wait, until - time.monotonic()))
        try:
            if not self.untold:
                due = self.call.client.read(schemas.DUE, endpoint=list(self.made), wait=round(wait, 3))
                self.untold = forwarder.forward([(self.made[one.endpoint_id], one) for one in due.items])
            if self.untold:
                self._report()
        except ApiError as error:
            if error.problem().status != 503:
                raise
            self._wait(error)
        except _AWAY as error:
            self._wait(error)

    def _wait(self, error: RtpError) -> None:
        self.call.say(f"{error.message} It goes on when the server is back.")
        _pause.wait(PAUSE)

    def _report(self) -> None:
        tried = [one for _, _, one in self.untold]
        report: Any = self.call.client.write(schemas.REPORT, ReportTried(tried=tried)).value
        done, self.untold = self.untold, []
        stand = {one.id: one for one in report.deliveries}
        for lane, message, one in done:
            self._tell(lane, message, one, stand[message.id])

    def _tell(self, lane: Route, message: DueDelivery, tried: Tried, delivery: Delivery) -> None:
        again = to_text(delivery.next_attempt_at) if delivery.next_attempt_at else None
        if self.as_json:
            self._print(
                {
                    "delivery": message.id, "event": message.event_id, "type": message.type, "url": lane.url,
                    "attempt": tried.attempt, "status": tried.status, "ms": tried.ms, "error": tried.error,
                    "answer": tried.answer, "state": delivery.state, "next_attempt_at": again, "body": message.body,
                }
            )  # fmt: skip
            return
        what = f"{tried.status}" if tried.status else tried.error
        lines = [f"{message.type} {message.event_id} → {lane.url or 'shown'}: {what} in {tried.ms} ms"]
        if tried.answer:
            lines.append(f"  {tried.answer[:200]}")
        if not lane.url:
            lines.append(f"  {message.body}")
        if again:
            lines.append(f"  not taken; again at {again}, or at once: rtp webhooks resend {message.id}")
        self.call.output.write("".join(f"{safe(line)}\n" for line in lines))
        sys.stdout.flush()

    def _print(self, told: dict[str, Any]) -> None:
        for line in ndjson([told]):
            self.call.output.write(line)
        sys.stdout.flush()

    def _remove(self) -> None:
        """Take the endpoints away; one that stays because the server is away ends by itself in five minutes."""
        for endpoint in self.made:
            try:
                self.call.client.write(schemas.ENDPOINTS_DELETE, at={"endpoint": endpoint})
            except RtpError as error:
                self.call.say(f"{endpoint} ends by itself in five minutes: {error.message}")
