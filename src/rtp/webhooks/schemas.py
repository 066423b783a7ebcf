"""What crosses the API about webhooks, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from rtp.operations import listing, read, write

# Received: events that providers sent.

ReceivedState = Literal["received", "processed", "failed", "ignored", "unmatched"]


class Received(Struct, kw_only=True):
    """An event that a provider sent: `about` is our own id of its object, `outcome` is what it came to.

    `failed` is tried again at `next_attempt_at`, and no more by itself without one; `ignored` changes nothing here.
    """

    id: str
    provider: str
    event_id: str
    type: str
    about: str
    state: ReceivedState
    attempts: int
    outcome: str
    error_code: str
    error: str
    version: int
    occurred_at: datetime
    received_at: datetime
    next_attempt_at: datetime | None
    processed_at: datetime | None


class ReceivedDetail(Received, kw_only=True):
    """A received event with what came over the wire; whatever looks like card data is masked."""

    headers: dict[str, str]
    body: Any


class Taken(Struct, kw_only=True):
    """The answer to a provider: the event is kept, now or by an earlier delivery."""

    id: str
    duplicate: bool


RECEIVED_LIST = listing("webhooks_received.list", "/webhooks/received", Received)
RECEIVED_SHOW = read("webhooks_received.show", "/webhooks/received/{event}", ReceivedDetail)
RECEIVED_RETRY = write("webhooks_received.retry", "POST", "/webhooks/received/{event}/retry", Received)


# Sent: endpoints of others, and what was delivered to them.

EndpointKind = Literal["endpoint", "listen"]
EndpointState = Literal["enabled", "disabled"]
Signing = Literal["v1", "v1a"]
DeliveryState = Literal["pending", "succeeded", "failed", "canceled"]
Pattern = Annotated[str, Meta(max_length=100, pattern=r"^(\*|[a-z_]+\.(\*|[a-z_]+))$")]
"""Which events: `refund.succeeded`, `refund.*`, or `*`."""
Patterns = Annotated[list[Pattern], Meta(min_length=1, max_length=50)]
Url = Annotated[str, Meta(max_length=2000)]
Described = Annotated[str, Meta(max_length=200)]
Hours = Annotated[int, Meta(ge=0, le=168)]
BY_HAND = "by hand"
"""The `disabled_reason` of an endpoint that a person disabled."""


class SigningKey(Struct, kw_only=True):
    """A key that signs until `expires_at`; `public_key` is that of v1a, empty where the secret is shared."""

    id: str
    public_key: str
    created_at: datetime
    expires_at: datetime | None


class Endpoint(Struct, kw_only=True):
    """Where events go: `failures` counts the attempts that failed in a row, since `failing_since`.

    A `listen` endpoint has no URL and ends with the command that listens.
    """

    id: str
    kind: EndpointKind
    url: str
    events: list[str]
    signing: Signing
    state: EndpointState
    disabled_reason: str
    description: str
    loopback: bool
    failures: int
    failing_since: datetime | None
    version: int
    created_at: datetime
    expires_at: datetime | None


class EndpointDetail(Endpoint, kw_only=True):
    """An endpoint with the keys that sign for it now, the newest first."""

    keys: list[SigningKey]


class CreatedEndpoint(EndpointDetail, kw_only=True):
    """An endpoint with its new secret, which is shown this once; for v1a it is the public key."""

    secret: str


class CreateEndpoint(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new endpoint; `loopback` allows plain HTTP to this machine, on instances of class dev."""

    url: Url = ""
    events: Patterns = field(default_factory=lambda: ["*"])
    kind: EndpointKind = "endpoint"
    signing: Signing = "v1"
    description: Described = ""
    loopback: bool = False


class UpdateEndpoint(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change of an endpoint."""

    url: Url | None = None
    events: Patterns | None = None
    description: Described | None = None


class RotateSecret(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new secret; the old one signs beside it for `overlap` hours more."""

    overlap: Hours = 24


class Delivery(Struct, kw_only=True):
    """One event on its way to one endpoint: `attempts` are all there were, `round` counts how often it was begun."""

    id: str
    endpoint_id: str
    event_id: str
    type: str
    state: DeliveryState
    round: int
    attempts: int
    last_status: int | None
    last_error: str
    created_at: datetime
    next_attempt_at: datetime | None
    settled_at: datetime | None


class Attempt(Struct, kw_only=True):
    """One attempt: `answer` is the beginning of what came back, with everything escaped that is not text."""

    number: int
    at: datetime
    status: int | None
    ms: int
    error: str
    answer: str


class DeliveryDetail(Delivery, kw_only=True):
    """A delivery with what is sent, and each attempt."""

    body: Any
    log: list[Attempt]


class Resend(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to send again: a delivery; an event; or all that an endpoint has not taken since a time."""

    delivery: str = ""
    event: str = ""
    endpoint: str = ""
    since: str = ""


class Resent(Struct, kw_only=True):
    """The deliveries that were begun again; `more` when there are others to do in another call."""

    count: int
    deliveries: list[str]
    more: bool


class DueDelivery(Struct, kw_only=True):
    """A message for whoever listens: signed headers, and the body as it is to be sent."""

    id: str
    endpoint_id: str
    event_id: str
    type: str
    round: int
    attempt: int
    headers: dict[str, str]
    body: str


class DueDeliveries(Struct, kw_only=True):
    """Messages that are due now, oldest first."""

    items: list[DueDelivery]


class Tried(Struct, kw_only=True, forbid_unknown_fields=True):
    """What came of a message that a listener forwarded; no status when nothing answered."""

    delivery: str
    round: int
    attempt: int
    status: Annotated[int, Meta(ge=100, le=999)] | None = None
    ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0
    error: Annotated[str, Meta(max_length=1000)] = ""
    answer: Annotated[str, Meta(max_length=20_000)] = ""


class ReportTried(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a listener forwarded."""

    tried: Annotated[list[Tried], Meta(max_length=100)] = []


class Reported(Struct, kw_only=True):
    """The deliveries as they stand after it."""

    deliveries: list[Delivery]


ENDPOINTS_CREATE = write(
    "webhooks_endpoints.create", "POST", "/webhooks/endpoints", CreatedEndpoint,
    body=CreateEndpoint, status=201, secret="secret",
)  # fmt: skip
ENDPOINTS_LIST = listing("webhooks_endpoints.list", "/webhooks/endpoints", Endpoint)
ENDPOINTS_SHOW = read("webhooks_endpoints.show", "/webhooks/endpoints/{endpoint}", EndpointDetail)
ENDPOINTS_UPDATE = write(
    "webhooks_endpoints.update", "PATCH", "/webhooks/endpoints/{endpoint}", EndpointDetail, body=UpdateEndpoint
)
ENDPOINTS_ROTATE = write(
    "webhooks_endpoints.rotate", "POST", "/webhooks/endpoints/{endpoint}/rotate", CreatedEndpoint,
    body=RotateSecret, secret="secret",
)  # fmt: skip
ENDPOINTS_ENABLE = write("webhooks_endpoints.enable", "POST", "/webhooks/endpoints/{endpoint}/enable", EndpointDetail)
ENDPOINTS_DISABLE = write(
    "webhooks_endpoints.disable", "POST", "/webhooks/endpoints/{endpoint}/disable", EndpointDetail
)
ENDPOINTS_DELETE = write("webhooks_endpoints.delete", "DELETE", "/webhooks/endpoints/{endpoint}", Endpoint)
ENDPOINTS_TEST = write("webhooks_endpoints.test", "POST", "/webhooks/endpoints/{endpoint}/test", Endpoint)
DELIVERIES_LIST = listing("webhooks_deliveries.list", "/webhooks/deliveries", Delivery)
DELIVERIES_SHOW = read("webhooks_deliveries.show", "/webhooks/deliveries/{delivery}", DeliveryDetail)
RESEND = write("webhooks_deliveries.resend", "POST", "/webhooks/resend", Resent, body=Resend)
DUE = read("webhooks_deliveries.due", "/webhooks/due", DueDeliveries)
REPORT = write("webhooks_deliveries.report", "POST", "/webhooks/tried", Reported, body=ReportTried)
