"""Forwarding to handlers of this machine: each message once as it was signed, the handler's answer told as it is."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from rtp.kit.imports import import_without
from rtp.kit.text import escaped
from rtp.webhooks.schemas import DueDelivery, Tried
from rtp_commands.errors import Usage

PATTERN = re.compile(r"\*|[a-z_]+\.(\*|[a-z_]+)")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
SECONDS = 15.0
KEPT_BYTES = 2048


class Route(Struct, frozen=True):
    """Which events go to which URL of this machine; without a URL they are only shown."""

    pattern: str
    url: str = ""


def route(text: str) -> Route:
    """`payment.*=http://127.0.0.1:3000/a`, or a pattern alone.

    Raises: Usage.
    """
    pattern, _, url = text.partition("=")
    if not PATTERN.fullmatch(pattern):
        raise Usage(what=f"--forward {text!r}: {pattern!r} is not a type, a family such as refund.*, or *")
    if url:
        _check(text, url)
    return Route(pattern, url)


def _check(text: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        raise Usage(what=f"--forward {text!r}: {url!r} is not a URL: {error}") from error
    near = parts.scheme == "http" and host in LOOPBACK
    if not host or port == 0 or not (near or parts.scheme == "https"):
        raise Usage(what=f"--forward {text!r}: {url!r} is neither http on this machine nor https")


Forwarded = tuple[Route, DueDelivery, Tried]
"""A message, where it went, and what came of it."""


class Forwarder:
    """Sends messages to the handlers; routes side by side, the messages of one route in their order."""

    def __init__(self, routes: Sequence[Route]) -> None:
        import_without("httpx", "httpx._main")
        import httpx

        self._errors = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
        secure = any(one.url.startswith("https:") for one in routes)
        self._http = httpx.Client(timeout=SECONDS, verify=secure, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def forward(self, due: Sequence[tuple[Route, DueDelivery]]) -> list[Forwarded]:
        """Forward messages; what came of each. Its threads keep nobody who interrupts it."""
        done: list[Forwarded] = []

        def work(lane: Route) -> None:
            for one, message in due:
                if one == lane:
                    done.append((lane, message, self._post(lane, message)))

        threads = [Thread(target=work, args=(lane,), daemon=True) for lane in dict.fromkeys(one for one, _ in due)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    def _post(self, lane: Route, message: DueDelivery) -> Tried:
        told: dict[str, Any] = {"delivery": message.id, "round": message.round, "attempt": message.attempt}
        if not lane.url:
            return Tried(**told, status=200)
        begun = time.monotonic()
        try:
            with self._http.stream("POST", lane.url, content=message.body, headers=message.headers) as response:
                answer = _beginning(response, begun + SECONDS)
                told |= {"status": response.status_code, "answer": escaped(answer)}
        except self._errors as error:
            told["error"] = escaped((str(error) or type(error).__name__).encode())[:1000]
        return Tried(**told, ms=int((time.monotonic() - begun) * 1000))


def _beginning(response: Any, until: float) -> bytes:
    kept = b""
    for chunk in response.iter_raw():
        kept += chunk
        if len(kept) >= KEPT_BYTES:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"no whole answer within {SECONDS:g} s")
    return kept[:KEPT_BYTES]
