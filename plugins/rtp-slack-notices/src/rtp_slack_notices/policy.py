"""Which webhooks are allowed, and what a notice says; pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from rtp.kit.money import Money
from rtp_slack_notices.errors import WebhookNotAllowed

EVENTS = ("refund.succeeded", "refund.failed")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NAT64 = IPv6Network("64:ff9b::/96")
LONGEST_REASON = 300


def webhook(url: str, *, loopback: bool) -> SplitResult:
    """The parts of a webhook's URL.

    Raises: WebhookNotAllowed when it is not https (http only to the loopback, where that is allowed) or holds a login.
    """
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise WebhookNotAllowed(why="its URL cannot be read.") from None
    if not parts.hostname or not port_fits or not url.isprintable() or " " in url:
        raise WebhookNotAllowed(why="it is not a URL such as https://hooks.slack.com/services/…")
    if parts.username is not None or parts.password is not None:
        raise WebhookNotAllowed(why="its URL holds a user or a password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback and parts.hostname in LOOPBACK):
        raise WebhookNotAllowed(why="its URL does not begin with https://.")
    return parts


def shown(url: str) -> str:
    """A webhook's URL as it may be shown: its scheme and host; the path is what lets one post."""
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


def reachable(address: str, *, loopback: bool) -> bool:
    """Whether a webhook may lie at this address: a public one, or the loopback where that is allowed."""
    inner = _unwrapped(ip_address(address.partition("%")[0]))
    if inner.is_loopback:
        return loopback
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one: mapped, 6to4, Teredo's client, NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def notice(type: str, refund: dict[str, Any]) -> str:
    """What a notice says about a refund, in Slack's markup; what people typed cannot become a mention or a link."""
    amount = Money(refund["amount"]["amount"], refund["amount"]["currency"])
    payment = escaped(refund["payment_id"])
    if type == "refund.failed":
        why = escaped(refund["failure_reason"] or "no reason given")
        return f"Refund {escaped(refund['id'])} of {amount} on {payment} failed: {why}. No money went back."
    reason = refund["reason"]
    cut = reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"
    return f"Refund {escaped(refund['id'])} of {amount} on {payment} succeeded. Reason: {escaped(cut)}"


def escaped(text: str) -> str:
    """Text in which Slack sees no markup of its own (its three control characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
