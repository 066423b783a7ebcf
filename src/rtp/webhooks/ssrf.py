"""Where a webhook may go: no name and no form of an address leads into this machine's own network. Pure.

A URL is parsed here once, and only by what it was parsed into is it called; a name is resolved once, every address that
it resolves to is looked at, and the connection goes to one of those. Special ranges: the IANA registries of IPv4 and
IPv6 special-purpose addresses (RFC 6890), NAT64 (RFC 6052, 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

LONGEST_URL = 2000
HTTPS = 443
FIRST_FREE_PORT = 1024
"""Below it only 443: what listens there on our side is not for others."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OWN_NAMES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".corp", ".private")
"""Ends of names that mean something only inside of a network."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_VISIBLE = re.compile(r"[!-~]+")
_NEVER = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's own service under an address that looks like anybody's
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All else of IPv6 is no place for a receiver: mapped and NAT64 addresses, unique local, link-local, multicast."""


class Forbidden(ValueError):
    """A URL or an address that no webhook is sent to; says why."""


class Place(NamedTuple):
    """A URL, taken apart: `target` is path and query; `loopback` marks plain HTTP to this machine."""

    scheme: str
    host: str
    port: int
    target: str
    loopback: bool

    @property
    def url(self) -> str:
        """The one way in which this place is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = HTTPS if self.scheme == "https" else 80
        port = "" if self.port == standard else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    @property
    def authority(self) -> str:
        """The Host header."""
        return self.url.split("/")[2]


def parse(url: str, *, loopback: bool = False) -> Place:
    """Take a URL apart; with `loopback`, plain HTTP to this machine is also one.

    Raises: Forbidden.
    """
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise Forbidden(f"a URL is at most {LONGEST_URL} visible ASCII characters, and a name outside of it xn--…")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"it is not a URL: {error}") from error
    if "@" in parts.netloc or parts.fragment or "#" in url:
        raise Forbidden("it holds credentials or a fragment")
    host = (parts.hostname or "").removesuffix(".")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http" and loopback and host in LOOPBACK_NAMES:
        return Place("http", host, port or 80, target, loopback=True)
    if parts.scheme != "https":
        raise Forbidden("only https goes out")
    _check_host(host)
    if port is not None and port != HTTPS and port < FIRST_FREE_PORT:
        raise Forbidden(f"port {port} is neither {HTTPS} nor from {FIRST_FREE_PORT} up")
    return Place("https", host, port or HTTPS, target, loopback=False)


def checked(addresses: Sequence[str], *, loopback: bool = False) -> list[Address]:
    """The addresses of a name, if a webhook may go to every one of them.

    Raises: Forbidden, for one that it may not go to, or for none at all.
    """
    found = [_address(one) for one in addresses]
    if not found:
        raise Forbidden("its name has no address")
    for address in found:
        if not (address.is_loopback if loopback else is_global(address)):
            raise Forbidden(f"its name leads to {address}, which is not an address of the open internet")
    return found


def is_global(address: Address) -> bool:
    """Whether it is somebody's on the open internet, and not a way around to one that is not."""
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address not in _GLOBAL_UNICAST):
        return False
    return address.is_global and not address.is_multicast and not any(address in one for one in _NEVER)


def _check_host(host: str) -> None:
    """Names of two labels and more, and addresses in the one form that everybody reads alike."""
    if ":" in host or _is_dotted(host):
        checked([host])
        return
    labels = host.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or len(host) > 253:
        raise Forbidden("its host is not a full name")
    if _NUMBER.fullmatch(labels[-1]):
        raise Forbidden("its host is an address in a form that is read in more than one way")
    if host.endswith(OWN_NAMES):
        raise Forbidden("its host is a name inside of a network")


def _is_dotted(host: str) -> bool:
    """Four decimal numbers without leading zeros: `010.0.0.1` is 8.0.0.1 to some and 10.0.0.1 to others."""
    numbers = host.split(".")
    return len(numbers) == 4 and all(
        one.isdecimal() and len(one) <= 3 and str(int(one)) == one and int(one) < 256 for one in numbers
    )


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise Forbidden(f"{text!r} is no address") from error
