"""The payment provider over HTTP: what each way to fail says about whether money moved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from rtp.errors import InvalidInput
from rtp.kit import trace
from rtp.kit.clock import to_text
from rtp.kit.money import Money
from rtp.payments import http_answers, sandbox_wire
from rtp.payments.errors import CardNotKnown, ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from rtp.payments.ports import (
    ProviderCard,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderRefund,
    declined,
)
from rtp.payments.sandbox_book import KEY
from rtp.payments.sandbox_wire import (
    NO_SUCH_OBJECT,
    AcceptRequest,
    CaptureRequest,
    CardRequest,
    ChargeRequest,
    DisputeRequest,
    EvidenceRequest,
    RefundRequest,
    Slice,
    token,
    url_file,
)
from rtp.sandbox.schemas import Control, Sandbox, SandboxEvent
from rtp.settings import Settings

T = TypeVar("T")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
TIMEOUT = httpx.Timeout(connect=1.5, write=5.0, read=10.0, pool=1.0)
"""A connection that does not come about ends before the breaker's patience does: then surely nothing was sent."""
WHOLE_CALL_SECONDS = 20.0
HEALTH_SECONDS = 1.0
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpProvider:
    """The adapter, one per process: it holds the connections.

    It never repeats a call; that is the business of the job, which repeats it under the same key.
    """

    name = "sandbox"

    def __init__(self, url: str, secret: str, *, timeout: httpx.Timeout = TIMEOUT) -> None:
        """Connections are opened when first needed.

        Raises: InvalidInput for a URL over which the token would travel readable.
        """
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        if not secure and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise InvalidInput(what=f"RTP_PROVIDER_URL {url!r} is neither https nor on the loopback")
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=timeout,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=5.0),
            verify=secure,  # a TLS context costs 50 ms and more, and the loopback needs none
            trust_env=False,
        )

    async def tokenize(self, card: str) -> ProviderCard:
        """The reference of a test card."""
        answer = await self._ask("POST", "/cards", content=msgspec.json.encode(CardRequest(card)))
        if (failure := http_answers.failure(answer)).code == CardNotKnown.code():
            raise CardNotKnown(**failure.params)
        return http_answers.thing(answer, ProviderCard)

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        """Take or reserve money of a card."""
        request = ChargeRequest(amount=amount, card_ref=card_ref, description=description, capture=capture)
        charge = await self._act("/charges", key, request, ProviderCharge)
        if charge.state == "failed":
            raise declined(charge)
        return charge

    async def capture(self, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
        """Take what was reserved."""
        request = CaptureRequest(charge_ref=charge_ref, amount=amount)
        return await self._act("/captures", key, request, ProviderCharge)

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge."""
        request = RefundRequest(charge_ref=charge_ref, amount=amount, reason=reason)
        return await self._act("/refunds", key, request, ProviderRefund)

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        """The charge made under a key."""
        return await self._by_key("/charges", key, ProviderCharge)

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        """The refund made under a key."""
        return await self._by_key("/refunds", key, ProviderRefund)

    async def list_charges(self, since: datetime) -> list[ProviderCharge]:
        """All charges since an instant."""
        return await self._all("/charges", since, Slice[ProviderCharge])

    async def list_refunds(self, since: datetime) -> list[ProviderRefund]:
        """All refunds since an instant."""
        return await self._all("/refunds", since, Slice[ProviderRefund])

    async def list_disputes(self, since: datetime) -> list[ProviderDispute]:
        """All disputes since an instant."""
        return await self._all("/disputes", since, Slice[ProviderDispute])

    async def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute."""
        request = EvidenceRequest(dispute_ref=dispute_ref, evidence=evidence)
        return await self._act("/disputes/evidence", key, request, ProviderDispute)

    async def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money of a dispute up."""
        return await self._act("/disputes/accept", key, AcceptRequest(dispute_ref=dispute_ref), ProviderDispute)

    @classmethod
    def verify_webhook(
        cls, headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]
    ) -> ProviderEvent:
        """The event in a message that the sandbox signed."""
        return sandbox_wire.event_in(cls.name, headers, body, now, secrets)

    async def health(self) -> bool:
        """Whether it takes calls."""
        try:
            answer = await self._client.get("/health", timeout=HEALTH_SECONDS)
        except httpx.RequestError:
            return False
        return answer.status_code == httpx.codes.OK

    async def control(self) -> Control:
        """How the sandbox misbehaves now."""
        return http_answers.thing(await self._ask("GET", "/control"), Control)

    async def steer(self, control: Control) -> None:
        """Make the sandbox misbehave, for experiments."""
        http_answers.thing(await self._ask("PUT", "/control", content=msgspec.json.encode(control)), Control)

    async def sandbox(self) -> Sandbox:
        """How the sandbox is steered, and how much its record holds."""
        return http_answers.thing(await self._ask("GET", "/sandbox"), Sandbox)

    async def sandbox_events(self) -> list[SandboxEvent]:
        """The newest events of the sandbox, newest first."""
        return http_answers.thing(await self._ask("GET", "/events"), list[SandboxEvent])

    async def open_dispute(
        self, key: str, charge_key: str, reason: str, amount: Money | None = None, *, dry_run: bool = False
    ) -> ProviderDispute | None:
        """Let the cardholder object to the charge made under a key; None when there is no such charge."""
        request = DisputeRequest(charge_key=charge_key, reason=reason, amount=amount, dry_run=dry_run)
        content, headers = msgspec.json.encode(request), _trace() | {"Idempotency-Key": key}
        try:
            answer = await self._client.post("/disputes", content=content, headers=headers)
        except httpx.RequestError as error:
            raise ProviderUnavailable(why=http_answers.in_words(error)) from error
        if answer.status_code == httpx.codes.NOT_FOUND and http_answers.failure(answer).code == NO_SUCH_OBJECT:
            return None
        return http_answers.settled(answer, key, ProviderDispute)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _act(self, path: str, key: str, request: Any, returns: type[T]) -> T:
        """A call that moves money: whatever is not surely undone is of unknown outcome."""
        if not KEY.fullmatch(key):
            raise ProviderRefused(why="a key is 1 to 255 visible ASCII characters")
        headers = _trace() | {"Idempotency-Key": key}
        try:
            async with asyncio.timeout(WHOLE_CALL_SECONDS):
                answer = await self._client.post(path, content=msgspec.json.encode(request), headers=headers)
        except BEFORE_SENDING as error:
            raise ProviderUnavailable(why=http_answers.in_words(error)) from error
        except (httpx.RequestError, TimeoutError) as error:
            raise ProviderOutcomeUnknown(key=key, why=http_answers.in_words(error)) from error
        return http_answers.settled(answer, key, returns)

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call that moves nothing, so that no answer is the same as not asked."""
        try:
            async with asyncio.timeout(WHOLE_CALL_SECONDS):
                return await self._client.request(method, path, headers=_trace(), **options)
        except (httpx.RequestError, TimeoutError) as error:
            raise ProviderUnavailable(why=http_answers.in_words(error)) from error

    async def _by_key(self, path: str, key: str, returns: type[T]) -> T | None:
        answer = await self._ask("GET", path, params={"key": key})
        # Any other 404, say of a wrong URL, must not be taken for "nothing was made".
        if answer.status_code == httpx.codes.NOT_FOUND and http_answers.failure(answer).code == NO_SUCH_OBJECT:
            return None
        return http_answers.thing(answer, returns)

    async def _all(self, path: str, since: datetime, returns: type[Slice[T]]) -> list[T]:
        items: list[T] = []
        after: int | None = 0
        while after is not None:
            params = {"since": to_text(since), "after": str(after)}
            part = http_answers.thing(await self._ask("GET", path, params=params), returns)
            items += part.items
            after = part.next
        return items


def connect(settings: Settings) -> HttpProvider:
    """The sandbox of the settings, else the instance's own.

    Raises: ProviderUnavailable when there is neither, InvalidInput, InstanceDamaged.
    """
    if settings.provider != HttpProvider.name:
        raise ProviderUnavailable(why=f"the provider of this instance is {settings.provider}, not the sandbox")
    url = settings.provider_url
    if not url:
        try:
            url = url_file(settings).read_text()
        except OSError as error:
            raise ProviderUnavailable(why="RTP_PROVIDER_URL is not set, and `rtp up` started no sandbox") from error
    return HttpProvider(url, token(settings))


def webhook_secret(settings: Settings) -> str:
    """The secret by which the instance knows the webhooks of its own sandbox.

    Raises: InstanceDamaged.
    """
    return sandbox_wire.webhook_secret(settings)


def _trace() -> dict[str, str]:
    current = trace.current.get()
    return {"traceparent": current.traceparent} if current else {}
