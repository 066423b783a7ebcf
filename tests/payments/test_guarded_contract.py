"""The guard keeps every promise of a provider's port: the same contract as without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtp.kit.breaker import Rules
from rtp.payments.fakes import FakeProvider
from rtp.payments.guarded import GuardedProvider
from rtp.payments.ports import ProviderCharge, ProviderDispute
from rtp.sandbox.schemas import Control
from rtp.testing.contract import Subject
from rtp.testing.contract_events import ProviderContract
from tests.payments.test_provider_contract import webhook


class TestGuarded(ProviderContract):
    @pytest.fixture
    async def subject(self) -> Subject:
        adapter, away = FakeProvider(), FakeProvider()
        await away.steer(Control(down=True))

        @asynccontextmanager
        async def lost_answers() -> AsyncIterator[None]:
            await adapter.steer(Control(lost_answer_rate=1))
            yield
            await adapter.steer(Control())

        async def dispute(charge: ProviderCharge) -> ProviderDispute:
            return adapter.open_dispute(charge.key)

        @asynccontextmanager
        async def failing_late() -> AsyncIterator[None]:
            await adapter.steer(Control(refund_failure="card_account_closed", refund_fails_after_ms=1))
            yield
            await adapter.steer(Control())

        never_opens = Rules(volume=100_000)
        return Subject(
            GuardedProvider(adapter, never_opens),
            card="visa",
            declined_card="declined",
            lost_answers=lost_answers,
            unreachable=GuardedProvider(away, never_opens),
            dispute=dispute,
            failing_late=failing_late,
            webhook=lambda charge: webhook(charge, "sandbox"),
        )
