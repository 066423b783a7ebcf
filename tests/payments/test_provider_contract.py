"""The contract of payment providers, held by the fake and by the adapter against a real sandbox process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from rtp.kit import signing
from rtp.payments.fakes import FakeProvider
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderEvent
from rtp.runtime.site import free_port
from rtp.sandbox.schemas import Control
from rtp.testing.contract import Subject, Webhook
from rtp.testing.contract_events import ProviderContract
from rtp.testing.provider import Sandbox, running

HASTY = httpx.Timeout(5.0, read=1.0)
LATE = Control(refund_failure="card_account_closed", refund_fails_after_ms=1)
SECRET, OTHER = signing.secret_of(b"1" * 32), signing.secret_of(b"2" * 32)


async def webhook(charge: ProviderCharge, provider: str) -> Webhook:
    event = ProviderEvent(
        id="evt_1", type="charge.succeeded", created_at=charge.created_at, provider=provider, subject=charge
    )

    def sign(secret: str, body: bytes, seconds: int) -> dict[str, str]:
        return signing.headers([secret], event.id, seconds, body)

    return Webhook(event, sign, msgspec.json.encode(event), SECRET, OTHER)


class TestFake(ProviderContract):
    @pytest.fixture
    async def subject(self) -> Subject:
        provider, away = FakeProvider(), FakeProvider()
        await away.steer(Control(down=True))

        @asynccontextmanager
        async def lost_answers() -> AsyncIterator[None]:
            await provider.steer(Control(lost_answer_rate=1))
            yield
            await provider.steer(Control())

        @asynccontextmanager
        async def failing_late() -> AsyncIterator[None]:
            await provider.steer(LATE)
            yield
            await provider.steer(Control())

        async def dispute(charge: ProviderCharge) -> ProviderDispute:
            return provider.open_dispute(charge.key)

        return Subject(
            provider,
            card="visa",
            declined_card="declined",
            lost_answers=lost_answers,
            unreachable=away,
            dispute=dispute,
            failing_late=failing_late,
            webhook=lambda charge: webhook(charge, "sandbox"),
        )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


class TestSandbox(ProviderContract):
    @pytest.fixture
    async def subject(self, sandbox: Sandbox) -> AsyncIterator[Subject]:
        provider = HttpProvider(sandbox.url, sandbox.token)
        away = HttpProvider(f"http://127.0.0.1:{free_port()}", sandbox.token)

        @asynccontextmanager
        async def lost_answers() -> AsyncIterator[None]:
            patient, provider._client.timeout = provider._client.timeout, HASTY
            await provider.steer(Control(lost_answer_rate=1))
            yield
            await provider.steer(Control())
            provider._client.timeout = patient

        @asynccontextmanager
        async def failing_late() -> AsyncIterator[None]:
            await provider.steer(LATE)
            yield
            await provider.steer(Control())

        async def dispute(charge: ProviderCharge) -> ProviderDispute:
            opened = await provider.open_dispute(f"dispute:{charge.key}", charge.key, "general")
            assert opened is not None
            return opened

        yield Subject(
            provider,
            card="visa",
            declined_card="declined",
            lost_answers=lost_answers,
            unreachable=away,
            dispute=dispute,
            failing_late=failing_late,
            webhook=lambda charge: webhook(charge, "sandbox"),
        )
        await provider.close()
        await away.close()


async def test_what_the_sandbox_sends_is_what_its_adapter_verifies(sandbox: Sandbox) -> None:
    """The contract signs by itself; this one is signed as the sandbox does."""
    fake, adapter = FakeProvider(), HttpProvider(sandbox.url, sandbox.token)
    await fake.charge("c1", Subject(fake, "visa", "declined").money(1000), "card_visa", "a month")
    [event] = fake.events()
    now = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    headers, body = fake.webhook(event, [SECRET], now)
    assert adapter.verify_webhook(headers, body, now, [OTHER, SECRET]) == event
    await adapter.close()
