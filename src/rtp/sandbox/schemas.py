"""What crosses the API about the sandbox provider, and the operations on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.operations import Operation, listing, read, write

Decline = Literal[
    "",
    "card_declined",
    "insufficient_funds",
    "do_not_honor",
    "expired_card",
    "lost_card",
    "fraudulent",
    "processing_error",
]
WebhookMode = Literal["normal", "duplicate", "reordered", "forged", "dropped"]
DisputeOutcome = Literal["won", "lost", "open"]
DisputeReason = Literal[
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "credit_not_processed",
    "duplicate",
    "general",
]
Delivery = Literal["waiting", "taken", "dropped", "given_up"]
Rate = Annotated[float, Meta(ge=0, le=1)]
Wait = Annotated[int, Meta(ge=0, le=86_400_000)]
"""Milliseconds, a day at most."""


class Control(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the sandbox misbehaves; kept in memory only, so a restart ends it, and so do `ttl_seconds` (0 is no end).

    Calls: `latency_ms` waits before each answer; `fail_rate` is the share that fails with nothing done and no word
    about it, `lost_answer_rate` the share of money calls that are done and never answered, both spread evenly; `hang`
    takes calls and never answers; `down` turns all away.
    Money: `decline` is the reason with which every new charge fails; `fee_basis_points` of what is captured (half up)
    and `fee_fixed` minor units are kept; charges and refunds stay pending for their delay, or while `…_pending`;
    `refund_failure` is the reason with which new refunds end, and with `refund_fails_after_ms` they succeed at first.
    Disputes: each costs `dispute_fee` minor units, however it ends; one must be answered within `dispute_days`;
    `dispute_delay_ms` after the answer it ends as `dispute_outcome`.
    Webhooks go to `webhook_url` (empty is this instance) after `webhook_delay_ms`: twice, newest first, after a forged
    twin, or never, as `webhooks` says.
    """

    latency_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    fail_rate: Rate = 0.0
    lost_answer_rate: Rate = 0.0
    hang: bool = False
    down: bool = False
    decline: Decline = ""
    fee_basis_points: Annotated[int, Meta(ge=0, le=10_000)] = 290
    fee_fixed: Annotated[int, Meta(ge=0, le=10_000)] = 30
    charge_delay_ms: Wait = 0
    charges_pending: bool = False
    refund_delay_ms: Wait = 0
    refunds_pending: bool = False
    refund_failure: Annotated[str, Meta(max_length=64, pattern="^[a-z_]*$")] = ""
    refund_fails_after_ms: Wait = 0
    dispute_fee: Annotated[int, Meta(ge=0, le=100_000)] = 1500
    dispute_days: Annotated[int, Meta(ge=0, le=365)] = 7
    dispute_delay_ms: Wait = 0
    dispute_outcome: DisputeOutcome = "won"
    webhooks: WebhookMode = "normal"
    webhook_delay_ms: Wait = 0
    webhook_url: Annotated[str, Meta(max_length=500, pattern="^(https?://[!-~]+)?$")] = ""
    ttl_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 0.0


class Sandbox(Struct, kw_only=True):
    """The sandbox now: how it is steered and until when (null: no end), and how much its record holds."""

    state: Literal["behaves", "steered"]
    control: Control
    ends_at: datetime | None
    webhook_url: str
    charges: int
    refunds: int
    disputes: int
    events_waiting: int
    events_taken: int
    events_dropped: int
    events_given_up: int


class OpenDispute(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a cardholder objects to: minor units of the payment's currency, all that was not returned without them."""

    reason: DisputeReason = "fraudulent"
    amount: Annotated[int, Meta(ge=1)] | None = None
    currency: Annotated[str, Meta(pattern="^([A-Z]{3})?$")] = ""


class SandboxDispute(Struct, kw_only=True):
    """A dispute that was opened in the sandbox; the platform hears of it by webhook."""

    payment: str
    amount: Money
    reason: str
    state: Literal["needs_response", "under_review", "won", "lost"]


class SandboxEvent(Struct, kw_only=True):
    """An event of the sandbox: what it is about, and whether it was taken; `answer` is what was said last."""

    id: str
    type: str
    about: str
    created_at: datetime
    delivery: Delivery
    attempts: int = 0
    answer: str = ""


SHOW = read("sandbox.show", "/sandbox", Sandbox)
EVENTS = listing("sandbox.events", "/sandbox/events", SandboxEvent)
SET = write("sandbox.set", "PUT", "/sandbox/control", Control, body=Control)
RESET: Operation[None, Control] = write("sandbox.reset", "DELETE", "/sandbox/control", Control)
DISPUTE = write("sandbox.dispute", "POST", "/sandbox/payments/{payment}/dispute", SandboxDispute, body=OpenDispute)
