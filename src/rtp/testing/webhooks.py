"""Webhooks for tests: events as the sandbox signs them, posted to the real application or kept at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from rtp.db.frames import Frames
from rtp.jobs.spec import Context
from rtp.kit import signing, trace
from rtp.payments.ports import (
    EventType,
    PaymentProvider,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderRefund,
)
from rtp.settings import Settings
from rtp.webhooks import received_jobs
from rtp.webhooks.received_effects import Subject

SECRET = signing.secret_of(b"the secret of a provider in tests")
OLD_SECRET = signing.secret_of(b"the secret that it had before this")
NOUNS = {ProviderCharge: "charge", ProviderRefund: "refund", ProviderDispute: "dispute"}


def event(subject: Subject, *, type: EventType | None = None, id: str = "", provider: str = "sandbox") -> ProviderEvent:
    """What a provider tells of an object; the type follows from its state where none is given."""
    told = type or msgspec.convert(f"{NOUNS[subject.__class__]}.{subject.state}", EventType)
    return ProviderEvent(
        id=id or f"evt_{uuid.uuid4().hex}", type=told, created_at=subject.created_at, provider=provider, subject=subject
    )


def signed(
    told: ProviderEvent | bytes, *, secrets: Sequence[str] = (SECRET,), id: str = "", age: float = 0.0
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a message, signed so many seconds ago."""
    body = told if isinstance(told, bytes) else msgspec.json.encode(told)
    named = id or (told.id if isinstance(told, ProviderEvent) else "evt_bytes")
    at = datetime.now(UTC) - timedelta(seconds=age)
    return body, signing.headers(secrets, named, int(at.timestamp()), body)


async def post(
    client: httpx.AsyncClient, told: ProviderEvent | bytes, *, secrets: Sequence[str] = (SECRET,), age: float = 0.0,
    provider: str = "sandbox",
) -> httpx.Response:  # fmt: skip
    """Send a message as the provider does."""
    body, headers = signed(told, secrets=secrets, age=age)
    return await client.post(f"/v1/webhooks/{provider}", content=body, headers=headers)


async def process(frames: Frames, provider: PaymentProvider, key: str) -> None:
    """Run the job of a received event once."""
    context = Context(
        frames=frames, settings=Settings(), trace=trace.start(), name="webhooks.process",
        services={"provider": provider},
    )  # fmt: skip
    await received_jobs.process(context, key)
