"""The one request: to an address that was looked at, without redirects, and without reading the answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import SplitResult

import httpx

from rtp_slack_notices import policy
from rtp_slack_notices.errors import WebhookAway, WebhookNotAllowed, WebhookRefused

Resolver = Callable[[str, int], Awaitable[list[str]]]
PORTS = {"http": 80, "https": 443}
TIMEOUT = httpx.Timeout(5.0)
WHOLE_SECONDS = 10.0
WORTH_ANOTHER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host; names in any form, 0x7f000001 too, come out as plain addresses."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def post(url: str, text: str, key: str, *, loopback: bool, resolver: Resolver = resolve) -> None:
    """Send a notice.

    Raises: WebhookNotAllowed, WebhookAway when another try is worth it, WebhookRefused when it is not.
    """
    parts = policy.webhook(url, loopback=loopback)
    host = str(parts.hostname)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            address = await _address(parts, loopback=loopback, resolver=resolver)
            status = await _request(url, parts, address, text, key)
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        raise WebhookAway(host=host, why=type(error).__name__) from None  # its text may hold the URL
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status in WORTH_ANOTHER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise WebhookAway(host=host, why=f"it answered {status}")
    raise WebhookRefused(host=host, why=f"it answered {status}")


async def _address(parts: SplitResult, *, loopback: bool, resolver: Resolver) -> str:
    """The address to connect to; all of a host's addresses must be allowed, or none is."""
    host = str(parts.hostname)
    found = await resolver(host, parts.port or PORTS[parts.scheme])
    for address in found:
        if not policy.reachable(address, loopback=loopback):
            raise WebhookNotAllowed(why=f"{host} is at {address}, which is not a public address.")
    if not found:
        raise WebhookAway(host=host, why="it has no address")
    return found[0]


async def _request(url: str, parts: SplitResult, address: str, text: str, key: str) -> int:
    secure = parts.scheme == "https"
    headers = {"Host": parts.netloc, "Content-Type": "application/json", "Idempotency-Key": key}
    # trust_env would let a proxy of the environment resolve the name a second time.
    async with httpx.AsyncClient(verify=secure, trust_env=False, follow_redirects=False, timeout=TIMEOUT) as client:
        request = client.build_request(
            "POST",
            httpx.URL(url).copy_with(host=address),
            headers=headers,
            content=json.dumps({"text": text}).encode(),
            extensions={"sni_hostname": str(parts.hostname)},
        )
        answer = await client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code
