"""The sandbox provider over HTTP: a small ASGI application around its book."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from rtp.errors import RtpError
from rtp.payments.errors import (
    CardNotKnown,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderRefund
from rtp.payments.sandbox_book import Book, require_key
from rtp.payments.sandbox_cards import Behaviour
from rtp.payments.sandbox_mishaps import Failing
from rtp.payments.sandbox_webhooks import Courier
from rtp.payments.sandbox_wire import (
    NO_SUCH_OBJECT,
    NOT_ATTEMPTED,
    PAGE,
    AcceptRequest,
    CaptureRequest,
    CardRequest,
    ChargeRequest,
    DisputeRequest,
    EvidenceRequest,
    Failure,
    RefundRequest,
    Slice,
)
from rtp.sandbox.schemas import Control, Sandbox

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SLOW_SECONDS = 2.0
HANG_SECONDS = 30.0
BODY_LIMIT = 65_536
STATUS: dict[type[RtpError], int] = {
    CardNotKnown: 404,
    ProviderKeyReused: 409,
    ProviderRefused: 400,
    ProviderUnavailable: 503,
}
B = TypeVar("B")
O = TypeVar("O", ProviderCharge, ProviderRefund, ProviderDispute)  # noqa: E741 - an object of the provider
STEERING = {("GET", "/control"), ("PUT", "/control"), ("GET", "/sandbox"), ("GET", "/events"), ("POST", "/disputes")}
"""What works however it misbehaves: it is no part of what a provider offers."""
MONEY = {"/charges", "/captures", "/refunds", "/disputes/evidence", "/disputes/accept"}


class Request(NamedTuple):
    """What a handler needs of a request."""

    key: str
    query: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What a handler answers, and how that answer is to come."""

    status: int
    content: Any
    behaviour: Behaviour = ""


class App:
    """The ASGI application. Every handler is one step of the loop, so two requests never see half of each other."""

    def __init__(self, book: Book, token: str, courier: Courier) -> None:
        self.book = book
        self._token = f"Bearer {token}".encode()
        self._courier = courier
        self._failing, self._losing = Failing(), Failing()
        self._handlers: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("POST", "/cards"): self._card,
            ("POST", "/charges"): self._charge,
            ("POST", "/captures"): self._capture,
            ("POST", "/refunds"): self._refund,
            ("POST", "/disputes"): self._dispute,
            ("POST", "/disputes/evidence"): self._evidence,
            ("POST", "/disputes/accept"): self._accept,
            ("GET", "/charges"): lambda request: _found(self.book.charges, self.book.charge_of, request),
            ("GET", "/refunds"): lambda request: _found(self.book.refunds, self.book.refund_of, request),
            ("GET", "/disputes"): lambda request: _listed(self.book.disputes_since, request),
            ("GET", "/sandbox"): self._sandbox,
            ("GET", "/events"): lambda _: Answer(200, self._courier.events()),
            ("GET", "/control"): lambda _: Answer(200, self.book.control),
            ("PUT", "/control"): self._steer,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        body = msgspec.json.encode(answer.content)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["path"]
        if path == "/health/live":
            return Answer(200, {"status": "up"})
        if path == "/health":
            return Answer(503, {"status": "down"}) if self.book.control.down else Answer(200, {"status": "up"})
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._token):
            return Answer(401, Failure("not_logged_in", "the token is missing or wrong"))
        handler = self._handlers.get((scope["method"], path))
        if handler is None:
            return Answer(404, Failure("no_such_route", f"there is no {scope['method']} {path}"))
        body = await _body(receive)
        if body is None:
            return Answer(413, Failure("too_large", f"a body ends at {BODY_LIMIT} bytes"))
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        request = Request(key, query, body)
        if (scope["method"], path) in STEERING:
            return _guarded(handler, request)
        money = scope["method"] == "POST" and path in MONEY
        return await self._misbehave(handler, request, receive, money=money)

    async def _misbehave(
        self, handler: Callable[[Request], Answer], request: Request, receive: Receive, *, money: bool
    ) -> Answer:
        control = self.book.control
        if control.down:
            return Answer(503, Failure(NOT_ATTEMPTED, "the provider is down"))
        if control.hang:
            return await _never(receive)
        if self._failing.next(control.fail_rate):
            return Answer(500, Failure("internal", "something went wrong"))
        try:
            answer = _guarded(handler, request)
        except ProviderOutcomeUnknown:  # a card that loses its first call
            return await _never(receive)
        if answer.behaviour == "hang" or (money and self._losing.next(control.lost_answer_rate)):
            return await _never(receive)
        wait = control.latency_ms / 1000 + (SLOW_SECONDS if answer.behaviour == "slow" else 0)
        if wait:  # the work is done already: who gives up waiting finds it by its key
            await asyncio.sleep(wait)
        return answer

    def _card(self, request: Request) -> Answer:
        return Answer(200, self.book.card(_decode(request.body, CardRequest).card))

    def _charge(self, request: Request) -> Answer:
        asked = _decode(request.body, ChargeRequest)
        charge, behaviour = self.book.charge(
            request.key, asked.amount, asked.card_ref, asked.description, asked.capture
        )
        return Answer(402 if charge.state == "failed" else 200, charge, behaviour)

    def _refund(self, request: Request) -> Answer:
        asked = _decode(request.body, RefundRequest)
        refund, behaviour = self.book.refund(request.key, asked.charge_ref, asked.amount, asked.reason)
        return Answer(200, refund, behaviour)

    def _capture(self, request: Request) -> Answer:
        asked = _decode(request.body, CaptureRequest)
        charge, behaviour = self.book.capture(request.key, asked.charge_ref, asked.amount)
        return Answer(200, charge, behaviour)

    def _evidence(self, request: Request) -> Answer:
        asked = _decode(request.body, EvidenceRequest)
        return Answer(200, self.book.submit_evidence(request.key, asked.dispute_ref, asked.evidence))

    def _accept(self, request: Request) -> Answer:
        return Answer(200, self.book.accept_dispute(request.key, _decode(request.body, AcceptRequest).dispute_ref))

    def _dispute(self, request: Request) -> Answer:
        asked = _decode(request.body, DisputeRequest)
        require_key(request.key)
        charge = self.book.charge_of(asked.charge_key)
        if charge is None:
            return Answer(404, Failure(NO_SUCH_OBJECT, "there is no charge under this key"))
        return Answer(
            200, self.book.disputes.open(charge, asked.reason, asked.amount, request.key, dry_run=asked.dry_run)
        )

    def _sandbox(self, _: Request) -> Answer:
        control, record, courier = self.book.control, self.book.record, self._courier
        self.book.catch_up()
        taken = sum(outcome == "taken" for outcome in record.done.values())
        return Answer(
            200,
            Sandbox(
                state="behaves" if control == Control() else "steered",
                control=control,
                ends_at=self.book.control_ends,
                webhook_url=courier.url,
                charges=len(record.charges),
                refunds=len(record.refunds),
                disputes=len(record.disputes),
                events_waiting=courier.waiting,
                events_taken=taken,
                events_dropped=len(record.done) - taken,
                events_given_up=courier.given_up,
            ),
        )

    def _steer(self, request: Request) -> Answer:
        self.book.steer(_decode(request.body, Control))
        return Answer(200, self.book.control)


def _found(
    listed: Callable[[datetime, int, int], list[O]], by_key: Callable[[str], O | None], request: Request
) -> Answer:
    if "key" in request.query:
        found = by_key(request.query["key"])
        return Answer(200, found) if found else Answer(404, Failure(NO_SUCH_OBJECT, "nothing was made under this key"))
    return _listed(listed, request)


def _listed(listed: Callable[[datetime, int, int], list[O]], request: Request) -> Answer:
    try:
        begin = max(0, int(request.query.get("after", "0")))
        since = msgspec.convert(request.query.get("since", "1970-01-01T00:00:00Z"), datetime, strict=False)
    except ValueError as error:  # msgspec's is one too
        raise ProviderRefused(why=str(error)) from error
    items = listed(since, begin, PAGE + 1)
    return Answer(200, Slice(items[:PAGE], begin + PAGE if len(items) > PAGE else None))


def _guarded(handler: Callable[[Request], Answer], request: Request) -> Answer:
    try:
        return handler(request)
    except (CardNotKnown, ProviderKeyReused, ProviderRefused, ProviderUnavailable) as error:
        code = NOT_ATTEMPTED if isinstance(error, ProviderUnavailable) else error.code()
        detail = str(error.params.get("why", error.message))
        return Answer(STATUS[type(error)], Failure(code, detail, error.params))


def _decode(body: bytes, kind: type[B]) -> B:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderRefused(why=str(error)) from error


async def _body(receive: Receive) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body"):
            return body


async def _never(receive: Receive) -> Answer:
    """Say nothing until the caller hangs up, or for as long as any caller would wait."""
    try:
        async with asyncio.timeout(HANG_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
    return Answer(504, Failure("timeout", "no answer in time"))
