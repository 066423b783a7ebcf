"""What is sent: the event's id, type and time, and the thing as it is after it; nothing is ever taken out of this form.

Pure. Events of our own operation, as of staff, tokens and jobs, are never sent; of a card, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtp.events.schemas import Event
from rtp.kit import canonical
from rtp.kit.clock import to_text

SENT = frozenset("user subscription entitlement payment_method payment refund dispute product price".split())
"""The nouns whose events are sent; a bulk refund is the desk's own, and sends the events of its refunds."""
NEVER = frozenset({"user.noted"})
"""What support writes down about a member is for support."""
TYPES = frozenset(
    f"{noun}.{what}"
    for noun, happened in {
        "user": "created imported updated suspended restored",
        "subscription": "created activated renewed charged payment_failed paid_after_end paid_while_paused paused "
        "resumed unpaid cancellation_scheduled cancellation_withdrawn canceled expired",
        "entitlement": "opened changed closed",
        "payment_method": "added activated failed removed",
        "payment": "created submitted succeeded failed unknown",
        "refund": "created waiting approved rejected expired submitted pending succeeded failed unknown canceled "
        "taken_in",
        "dispute": "opened charged placed under_review answer_queued answered answer_refused won lost",
        "product": "created updated archived restored",
        "price": "created updated archived restored",
    }.items()
    for what in happened.split()
)
"""The types that are sent, which an endpoint can ask for."""
TESTED = "webhook_endpoint.tested"
"""Sent only to the endpoint that it is about."""
HIDDEN = frozenset(
    """
    card brand last_four last4 fingerprint pan cvc cvv iban provider_ref provider_key secret token password signing_key
    """.split()
)
"""Fields that are left out wherever they stand: cards, secrets, and references of the provider."""


def is_sent(type: str) -> bool:
    """Whether events of this type go out at all."""
    return type == TESTED or (type.partition(".")[0] in SENT and type not in NEVER)


def matches(patterns: Iterable[str], type: str) -> bool:
    """Whether one of an endpoint's patterns names this type."""
    family = f"{type.partition('.')[0]}.*"
    return any(one in ("*", family, type) for one in patterns)


def unknown(patterns: Iterable[str]) -> list[str]:
    """Those of an endpoint's patterns that name no type that is ever sent."""
    named = {"*", *TYPES, *families()}
    return [one for one in patterns if one not in named]


def families() -> list[str]:
    """What names all types of a noun, as `refund.*`."""
    return sorted({f"{one.partition('.')[0]}.*" for one in TYPES})


def body(event: Event) -> bytes:
    """The bytes of a message: the same for every attempt, as long as the event stands."""
    after, before = (event.payload.get(name) for name in ("after", "before"))
    data = {"id": event.aggregate_id, "version": event.version, "object": after if after is not None else before}
    message = {"id": event.id, "type": event.type, "timestamp": to_text(event.timestamp), "data": _shown(data)}
    return canonical.encode(message)


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(one) for name, one in value.items() if name not in HIDDEN}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return value
