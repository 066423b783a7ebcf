"""How the `stripe` library reaches Stripe: over a pool of connections of ours, with every failure kept as its cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import anyio
import httpx
import stripe

BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
TIMEOUT = httpx.Timeout(connect=1.5, write=5.0, read=10.0, pool=1.0)
LIMITS = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=5.0)


class NoAnswer(stripe.APIConnectionError):
    """No answer came; `sent` says whether the request may have arrived."""

    def __init__(self, error: httpx.RequestError) -> None:
        waited = isinstance(error, httpx.TimeoutException)
        why = "no answer in time" if waited else str(error) or "the connection was lost"
        super().__init__(why)  # type: ignore[no-untyped-call]
        self.sent = not isinstance(error, BEFORE_SENDING)


class Wire(stripe.HTTPClient):
    """The library's door to HTTP; its own httpx client sends bodies in a way that httpx deprecates."""

    name = "rtp"

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request."""
        try:
            answer = await self._client.request(method.upper(), url, headers=dict(headers), content=post_data)
        except httpx.RequestError as error:
            raise NoAnswer(error) from error
        return answer.content, answer.status_code, answer.headers

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, *, _usage: Any = None) -> NoReturn:
        """Not served: nothing here waits without the loop."""
        raise AssertionError("only asynchronous calls are made")

    async def sleep_async(self, secs: float) -> None:
        """Wait; the library asks for it between repeats, of which there are none."""
        await anyio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def client(*, secure: bool, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A pool of connections; no proxy of the environment sees them."""
    return httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, verify=secure, trust_env=False, transport=transport)
