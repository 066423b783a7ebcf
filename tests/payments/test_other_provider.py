"""After the provider of an instance was changed, money that another one has stays with that one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rtp.db.frames import Frames
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments import jobs, methods
from rtp.payments import service as payments
from rtp.payments.errors import ProviderOther
from rtp.payments.fakes import FakeProvider
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.settings import Settings
from rtp.testing import money
from rtp.testing.plugin import OpenFrame
from rtp.users import service as users
from rtp.users.schemas import CreateUser

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Bank(FakeProvider):
    name = "bank"


def context(frames: Frames, provider: FakeProvider) -> Context:
    services = {"provider": provider}
    return Context(frames=frames, settings=Settings(), trace=trace.start(), name="tests.job", services=services)


async def test_a_refund_is_never_asked_of_a_provider_that_does_not_have_the_payment(
    frames: Frames, writing: OpenFrame
) -> None:
    sandbox, bank = FakeProvider(frames.clock), Bank(frames.clock)
    payment = await money.captured_payment(frames, sandbox, jobs.JOBS)
    async with writing() as frame:
        refund = await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=100))
    with pytest.raises(ProviderOther, match="through sandbox, and the payment provider of this instance is bank"):
        await refund_jobs.submit(context(frames, bank), refund.id)
    await refund_jobs.submit(context(frames, sandbox), refund.id)
    async with writing() as frame:
        assert (await refunds.find(frame, refund.id)).state == "succeeded"


async def test_a_payment_of_unknown_outcome_is_never_taken_anew_by_another_provider(
    frames: Frames, writing: OpenFrame
) -> None:
    bank = Bank(frames.clock)
    async with writing() as frame:
        user = await users.create(frame, CreateUser(email="ada@example.com", name="Ada"))
        method = await methods.use(frame, users.number(user), "visa")
        payment = await payments.charge(frame, method, amount=Money(900, "USD"), purpose="a month", source="test")
    async with writing() as frame:
        await payments.submit(frame, payment.id)
        await payments.lose(frame, payment.id, 0)
    for job in (jobs.submit(context(frames, bank), payment.id), jobs.reconcile(context(frames, bank), payment.id, 0)):
        with pytest.raises(ProviderOther):
            await job
    assert await bank.list_charges(LONG_AGO) == []
