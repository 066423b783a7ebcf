"""Where a client talks to, and how the connection there is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rtp.client_errors import InsecureTarget
from rtp.kit.imports import import_without

if TYPE_CHECKING:
    import httpx

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Target:
    """Where a client talks to: a unix socket, or a URL with a token. `name` is what a person calls it."""

    name: str
    url: str = ""
    socket: str = ""
    token: str = ""

    @property
    def where(self) -> str:
        """The address, for messages."""
        return self.socket or self.url


def connected(target: Target, timeout: float) -> httpx.Client:
    """A client of httpx's for this target; `timeout` in seconds.

    Raises: InsecureTarget.
    """
    # httpx's own command line would load click, rich and pygments where they are installed.
    import_without("httpx", "httpx._main")
    import httpx

    limits = httpx.Timeout(timeout, connect=min(timeout, 5.0))
    headers = {"Accept": "application/json", "User-Agent": "rtp"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    if target.socket:
        # Without verify and trust_env off, even a socket's transport builds a TLS context (52–200 ms).
        transport = httpx.HTTPTransport(uds=target.socket, verify=False, trust_env=False)
        return httpx.Client(
            transport=transport, base_url="http://rtp", timeout=limits, headers=headers, trust_env=False
        )
    parts = urlsplit(target.url)
    if parts.scheme == "https":
        return httpx.Client(base_url=target.url, timeout=limits, headers=headers)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise InsecureTarget(url=target.url)
    transport = httpx.HTTPTransport(verify=False, trust_env=False)
    return httpx.Client(transport=transport, base_url=target.url, timeout=limits, headers=headers, trust_env=False)
