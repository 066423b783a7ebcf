"""The payment provider over HTTP: what each way to fail says about whether money moved."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from rtp.errors import InvalidInput
from rtp.kit import trace
from rtp.kit.clock import to_text
from rtp.kit.money import Money
from rtp.payments.errors import (
    CardNotKnown,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderRefund, declined
from rtp.payments.sandbox_book import KEY, Control
from rtp.payments.sandbox_wire import (
    NO_SUCH_OBJECT,
    NOT_ATTEMPTED,
    CardRequest,
    ChargeRequest,
    Failure,
    RefundRequest,
    Slice,
    token,
    url_file,
)
from rtp.settings import Settings

T = TypeVar("T")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
TIMEOUT = httpx.Timeout(connect=3.0, write=5.0, read=10.0, pool=3.0)
WHOLE_CALL_SECONDS = 20.0
HEALTH_SECONDS = 1.0
REFUSED = {400, 413, 422}
"""What says something about the request itself. A 401 or a strange 404 does not: with an earlier token or URL the same
key may have been accepted, so it is never the last word on an intent.
"""
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
        if (failure := _failure(answer)).code == CardNotKnown.code():
            raise CardNotKnown(**failure.params)
        return _object(answer, ProviderCard)

    async def charge(self, key: str, amount: Money, card_ref: str, description: str) -> ProviderCharge:
        """Take money from a card."""
        request = ChargeRequest(amount=amount, card_ref=card_ref, description=description)
        charge = await self._act("/charges", key, request, ProviderCharge)
        if charge.state == "failed":
            raise declined(charge)
        return charge

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

    async def health(self) -> bool:
        """Whether it takes calls."""
        try:
            answer = await self._client.get("/health", timeout=HEALTH_SECONDS)
        except httpx.RequestError:
            return False
        return answer.status_code == httpx.codes.OK

    async def control(self) -> Control:
        """How the sandbox misbehaves now."""
        return _object(await self._ask("GET", "/control"), Control)

    async def steer(self, control: Control) -> None:
        """Make the sandbox misbehave, for experiments."""
        _object(await self._ask("PUT", "/control", content=msgspec.json.encode(control)), Control)

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
            raise ProviderUnavailable(why=_why(error)) from error
        except (httpx.RequestError, TimeoutError) as error:
            raise ProviderOutcomeUnknown(key=key, why=_why(error)) from error
        return _settled(answer, key, returns)

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call that moves nothing, so that no answer is the same as not asked."""
        try:
            async with asyncio.timeout(WHOLE_CALL_SECONDS):
                return await self._client.request(method, path, headers=_trace(), **options)
        except (httpx.RequestError, TimeoutError) as error:
            raise ProviderUnavailable(why=_why(error)) from error

    async def _by_key(self, path: str, key: str, returns: type[T]) -> T | None:
        answer = await self._ask("GET", path, params={"key": key})
        # Any other 404, say of a wrong URL, must not be taken for "nothing was made".
        if answer.status_code == httpx.codes.NOT_FOUND and _failure(answer).code == NO_SUCH_OBJECT:
            return None
        return _object(answer, returns)

    async def _all(self, path: str, since: datetime, returns: type[Slice[T]]) -> list[T]:
        items: list[T] = []
        after: int | None = 0
        while after is not None:
            params = {"since": to_text(since), "after": str(after)}
            part = _object(await self._ask("GET", path, params=params), returns)
            items += part.items
            after = part.next
        return items


def connect(settings: Settings) -> HttpProvider:
    """The provider of the settings, else the instance's own sandbox.

    Raises: ProviderUnavailable when there is neither, InvalidInput, InstanceDamaged.
    """
    url = settings.provider_url
    if not url:
        try:
            url = url_file(settings).read_text()
        except OSError as error:
            raise ProviderUnavailable(why="RTP_PROVIDER_URL is not set, and `rtp up` started no sandbox") from error
    return HttpProvider(url, token(settings))


def _settled(answer: httpx.Response, key: str, returns: type[T]) -> T:
    status, failure = answer.status_code, _failure(answer)
    if status in (200, 201, 402):
        try:
            return msgspec.json.decode(answer.content, type=returns)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ProviderOutcomeUnknown(key=key, why=f"its answer cannot be read: {error}") from error
    if status == httpx.codes.TOO_MANY_REQUESTS or failure.code == NOT_ATTEMPTED:
        raise ProviderUnavailable(why=failure.detail or f"it answered {status}")
    if status == httpx.codes.CONFLICT:
        raise ProviderKeyReused(key=key)
    if status in REFUSED:
        raise ProviderRefused(why=failure.detail or f"it answered {status}")
    if answer.is_client_error:
        raise ProviderUnavailable(why=failure.detail or f"it answered {status}")
    raise ProviderOutcomeUnknown(key=key, why=f"it answered {status}")


def _object(answer: httpx.Response, returns: type[T]) -> T:
    if answer.status_code != httpx.codes.OK:
        refusal = ProviderRefused if answer.status_code in REFUSED else ProviderUnavailable
        raise refusal(why=_failure(answer).detail or f"it answered {answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=returns)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderUnavailable(why=f"its answer cannot be read: {error}") from error


def _failure(answer: httpx.Response) -> Failure:
    """The failure in an answer; empty when there is none, or when something else than the provider answered."""
    if answer.is_success:
        return Failure()
    try:
        return msgspec.json.decode(answer.content, type=Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Failure()


def _trace() -> dict[str, str]:
    current = trace.current.get()
    return {"traceparent": current.traceparent} if current else {}


def _why(error: Exception) -> str:
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "no answer in time"
    return str(error) or "the connection was lost"
