"""A server that knows the provider's secrets, and objects that wait for its word."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.errors import ProviderDeclined
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderCharge, ProviderRefund
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds import settling
from rtp.refunds.schemas import IssueRefund, Refund
from rtp.settings import Settings
from rtp.testing import money, webhooks
from rtp.users import service as users
from rtp.users.schemas import CreateUser
from rtp.webhooks import received_jobs
from tests.webhooks.receivers import Receiver, receiving
from tests.webhooks.sent import Post

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS, *received_jobs.JOBS)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, provider_webhook_secret=webhooks.SECRET, provider_webhook_secret_old=webhooks.OLD_SECRET
    )


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


class Waiting:
    """Makes payments and refunds that were sent to the provider and whose answer has not come."""

    def __init__(self, frames: Frames, provider: FakeProvider) -> None:
        self.frames = frames
        self.provider = provider
        self.made = 0

    async def payment(self, *, card: str = "visa", amount: int = 10_000) -> tuple[Payment, ProviderCharge]:
        """A submitted payment, and the charge that the provider made of it."""
        self.made += 1
        async with self.writing() as frame:
            user = await users.create(frame, CreateUser(email=f"member-{self.made}@example.com", name="Member"))
            method = await methods.use(frame, users.number(user), card)
            made = await payments.charge(
                frame, method, amount=Money(amount, "USD"), purpose="Day Trading Room", source="test"
            )
        async with self.writing() as frame:
            await frame.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'payments.submit'"))
            await payments.submit(frame, made.id)
        known = await self.provider.tokenize(card)
        with contextlib.suppress(ProviderDeclined):
            await self.provider.charge(made.id, made.amount, known.ref, made.purpose)
        charge = await self.provider.retrieve_charge_by_key(made.id)
        assert charge is not None
        return made, charge

    async def refund(self, payment: Payment, *, amount: int) -> tuple[Refund, ProviderRefund]:
        """A submitted refund of a captured payment, and the provider's own."""
        async with self.writing() as frame:
            made = await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=amount, again=True))
        async with self.writing() as frame:
            await frame.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'refunds.submit'"))
            await settling.submit(frame, made.id)
        given = await self.provider.refund(made.id, payment.provider_ref or "", made.amount, made.reason)
        return made, given

    async def captured(self, *, amount: int = 10_000) -> tuple[Payment, ProviderCharge]:
        """A payment that is settled on both sides."""
        made, charge = await self.payment(amount=amount)
        async with self.writing() as frame:
            return await payments.settle(frame, made.id, charge), charge

    def writing(self) -> Any:
        """A frame that commits."""
        return self.frames.writing(operation="tests.write", principal=LOCAL_OWNER, trace=trace.start())

    async def work(self) -> None:
        """Run every queued job, due or not, until none is left."""
        await money.run_jobs(self.frames, self.provider, JOBS)


@pytest.fixture
def waiting(frames: Frames, provider: FakeProvider) -> Waiting:
    return Waiting(frames, provider)


@pytest.fixture
def show(api: httpx.AsyncClient) -> Callable[[str], Any]:
    async def read(path: str) -> Any:
        answer = await api.get(f"/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint of somebody's, on loopback, that remembers what it got."""
    async with receiving() as made:
        yield made


@pytest.fixture
def post(frames: Frames, api: httpx.AsyncClient) -> Post:
    """What a test does with endpoints and deliveries."""
    return Post(frames, api)
