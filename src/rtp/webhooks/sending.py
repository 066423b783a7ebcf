"""Sending a message: to the address that was looked at, within a time and a size; redirects are not followed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import httpcore
import httpx
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

from rtp.kit.text import escaped
from rtp.webhooks import ssrf
from rtp.webhooks.ssrf import Forbidden, Place

WHOLE_SECONDS = 20.0
CONNECT_SECONDS = 5.0
KEPT_BYTES = 2048
"""How much of an answer is read; the rest is left with whoever sends it."""
AT_ONCE = 4
"""Messages to one endpoint that are on their way together: a slow one does not take all places."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class Answered(NamedTuple):
    """What came of one attempt: `status` is None when nothing answered, and `error` then says why."""

    status: int | None
    ms: int
    error: str = ""
    answer: str = ""

    @property
    def taken(self) -> bool:
        """Only an answer of 2xx says that the message was taken."""
        return self.status is not None and 200 <= self.status < 300


class Full(Exception):
    """As many messages as may be are already on their way to this endpoint."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, by the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Pinned(AsyncNetworkBackend):
    """Connects to addresses that were looked at; the name stays what TLS and the Host header speak of."""

    def __init__(self, inner: AsyncNetworkBackend, addresses: Sequence[str]) -> None:
        self._inner = inner
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address that takes one; `host` is not asked for again."""
        last: Exception | None = None
        for address in self._addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError("there is no address to connect to")


class Sender:
    """Sends messages; one per process. Each goes over a connection of its own."""

    def __init__(
        self,
        *,
        resolver: Resolver = resolve,
        backend: AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = WHOLE_SECONDS,
    ) -> None:
        self._resolve = resolver
        self._backend = backend or AnyIOBackend()
        self._tls = tls
        self._seconds = seconds
        self._busy: Counter[str] = Counter()

    @contextmanager
    def place_for(self, endpoint: str) -> Iterator[None]:
        """Hold one of an endpoint's places.

        Raises: Full.
        """
        if self._busy[endpoint] >= AT_ONCE:
            raise Full
        self._busy[endpoint] += 1
        try:
            yield
        finally:
            self._busy[endpoint] -= 1
            if not self._busy[endpoint]:
                del self._busy[endpoint]

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, loopback: bool = False) -> Answered:
        """Send one message and say what came of it; nothing that a receiver does is raised."""
        begun = time.monotonic()
        status: int | None = None
        answer = error = ""
        try:
            async with asyncio.timeout(self._seconds):
                status, answer = await self._exchange(ssrf.parse(url, loopback=loopback), headers, body)
        except Forbidden as refusal:
            error = f"refused: {refusal}"
        except (TimeoutError, httpcore.TimeoutException):
            error = f"no answer within {self._seconds:g} s"
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as failure:
            error = _why(failure)
        if status is not None and 300 <= status < 400:
            error = "it redirects, which is not followed"
        return Answered(status, int((time.monotonic() - begun) * 1000), error, answer)

    async def _exchange(self, place: Place, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        addresses = ssrf.checked(await self._resolve(place.host, place.port), loopback=place.loopback)
        url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target=place.target)
        backend = Pinned(self._backend, [str(one) for one in addresses])
        tls = self._context() if place.scheme == "https" else None
        sent = {"Host": place.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}
        limits = {"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}}
        async with (
            httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend) as pool,
            pool.stream("POST", url, headers=list(sent.items()), content=body, extensions=limits) as response,
        ):
            return response.status, escaped(await _beginning(response))

    def _context(self) -> ssl.SSLContext:
        """Made when it is first needed: it costs 20 ms and more."""
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        return self._tls


async def _beginning(response: httpcore.Response) -> bytes:
    kept = b""
    async for chunk in response.aiter_stream():
        kept += chunk
        if len(kept) >= KEPT_BYTES:
            break
    return kept[:KEPT_BYTES]


def _why(error: Exception) -> str:
    text = escaped(str(error).encode())[:300]
    if "CERTIFICATE" in text.upper():
        return f"its certificate is not valid: {text}"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return text or "the connection was lost"
