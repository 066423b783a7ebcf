"""Differences between a provider's record and ours, planted on purpose; the tests of any adapter can run the list.

Each leaves both sides as a real failure would: an answer and its webhook were lost, something was done by hand at the
provider's own page, or a record of one side is gone. The ledger agrees with our side all the while.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from msgspec import structs
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.disputes import service as disputes
from rtp.jobs.spec import JobSpec
from rtp.kit import ids, trace
from rtp.kit.money import Money
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.ports import PaymentProvider, ProviderCharge, ProviderDispute, ProviderRefund
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation.schemas import Fix, Kind, Noun
from rtp.refunds import service as refunds
from rtp.refunds import settling
from rtp.refunds.schemas import IssueRefund, Refund
from rtp.testing import money
from rtp.users import service as users
from rtp.users.schemas import CreateUser

Planted = tuple[Noun, Kind, Fix, str]
"""(noun, kind, fix, name) that a comparison has to come to."""


@dataclass
class Garden:
    """Where differences are planted: the test's database, the provider, and the jobs that settle payments and refunds.

    `object` lets a cardholder object at the provider; without it there are no differences of disputes. `card` gives one
    that the provider takes.
    """

    frames: Frames
    provider: PaymentProvider
    jobs: Sequence[JobSpec]
    object: Callable[[Payment], Awaitable[ProviderDispute]] | None = None
    card: Callable[[], str] = lambda: "visa"
    amount: int = 10_000
    made: int = 0

    def writing(self) -> AbstractAsyncContextManager[Frame]:
        """A frame that commits."""
        return self.frames.writing(operation="tests.plant", principal=LOCAL_OWNER, trace=trace.start())

    async def work(self) -> None:
        """Run every queued job, due or not, until none is left."""
        await money.run_jobs(self.frames, self.provider, self.jobs)

    async def paid(self) -> Payment:
        """A captured payment of a new member, equal on both sides."""
        payment = await self.asked()
        await self.charge(payment)
        charge = await self.provider.retrieve_charge_by_key(payment.id)
        assert charge is not None
        async with self.writing() as frame:
            return await payments.settle(frame, payment.id, charge)

    async def asked(self) -> Payment:
        """A payment that was submitted, and whose job is gone."""
        self.made += 1
        async with self.writing() as frame:
            user = await users.create(frame, CreateUser(email=f"planted-{self.made}@example.com", name="Planted"))
            method = await methods.use(frame, users.number(user), self.card())
            made = await payments.charge(
                frame, method, amount=Money(self.amount, "USD"), purpose="Day Trading Room", source="test"
            )
        async with self.writing() as frame:
            await frame.execute(text("DELETE FROM procrastinate_jobs WHERE args ->> 'payment' = :id"), {"id": made.id})
            return await payments.submit(frame, made.id) or made

    async def charge(self, payment: Payment) -> ProviderCharge:
        """Let the provider take the money of a payment."""
        card = await self.provider.tokenize(self.card())
        return await self.provider.charge(payment.id, payment.amount, card.ref, payment.purpose)

    async def returning(self, amount: int = 1_000) -> tuple[Payment, Refund]:
        """A refund that was submitted, and whose job is gone."""
        payment = await self.paid()
        async with self.writing() as frame:
            made = await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=amount))
        async with self.writing() as frame:
            await frame.execute(text("DELETE FROM procrastinate_jobs WHERE args ->> 'refund' = :id"), {"id": made.id})
            return payment, await settling.submit(frame, made.id) or made

    async def give_back(self, payment: Payment, refund: Refund, amount: int | None = None) -> ProviderRefund:
        """Let the provider return the money of a refund, or another amount under its key."""
        back = refund.amount if amount is None else Money(amount, refund.amount.currency)
        return await self.provider.refund(refund.id, payment.provider_ref or "", back, refund.reason)

    def key(self, prefix: str) -> str:
        """A key that nothing of ours has."""
        return ids.show(prefix, self.frames.ids.uuid())

    def told(self, payment: Payment, captured: int, ref: str = "ch_unknown_there") -> ProviderCharge:
        """What a provider would have said of a payment."""
        return ProviderCharge(
            ref=ref, key=payment.id, amount=payment.amount, captured=Money(captured, payment.amount.currency),
            fee=Money.zero(payment.amount.currency), card_ref="", state="succeeded", created_at=payment.created_at,
        )  # fmt: skip

    def told_back(self, refund: Refund, ref: str = "re_unknown_there") -> ProviderRefund:
        """What a provider would have said of a refund."""
        return ProviderRefund(
            ref=ref, key=refund.id, charge_ref="", amount=refund.amount, reason=refund.reason, state="succeeded",
            created_at=refund.created_at,
        )  # fmt: skip


async def _charge_there_only(garden: Garden) -> Planted:
    card = await garden.provider.tokenize(garden.card())
    made = await garden.provider.charge(garden.key("pay"), Money(1_234, "USD"), card.ref, "by hand")
    return "charge", "missing_here", "set_aside", made.ref


async def _charge_here_only(garden: Garden) -> Planted:
    payment = await garden.asked()
    async with garden.writing() as frame:
        await payments.settle(frame, payment.id, garden.told(payment, garden.amount))
    return "charge", "missing_there", "set_aside", payment.id


async def _charge_never_sent(garden: Garden) -> Planted:
    return "charge", "missing_there", "ask_again", (await garden.asked()).id


async def _charge_answer_lost(garden: Garden) -> Planted:
    payment = await garden.asked()
    await garden.charge(payment)
    return "charge", "status", "settle", payment.id


async def _charge_failed_here(garden: Garden) -> Planted:
    payment = await garden.asked()
    await garden.charge(payment)
    async with garden.writing() as frame:
        await payments.fail(frame, await payments.lock(frame, payment.id), "card_declined")
    return "charge", "status", "set_aside", payment.id


async def _charge_of_less(garden: Garden) -> Planted:
    payment = await garden.asked()
    charge = await garden.charge(payment)
    async with garden.writing() as frame:
        await payments.settle(frame, payment.id, garden.told(payment, garden.amount - 1, charge.ref))
    return "charge", "amount", "set_aside", payment.id


async def _refund_there_only(garden: Garden) -> Planted:
    payment = await garden.paid()
    made = await garden.provider.refund(
        garden.key("rfd"), payment.provider_ref or "", Money(500, "USD"), "requested_by_customer"
    )
    return "refund", "missing_here", "take", made.ref


async def _refund_here_only(garden: Garden) -> Planted:
    _, refund = await garden.returning()
    async with garden.writing() as frame:
        await settling.settle(frame, refund.id, garden.told_back(refund))
    return "refund", "missing_there", "set_aside", refund.id


async def _refund_never_sent(garden: Garden) -> Planted:
    return "refund", "missing_there", "ask_again", (await garden.returning())[1].id


async def _refund_answer_lost(garden: Garden) -> Planted:
    payment, refund = await garden.returning()
    await garden.give_back(payment, refund)
    return "refund", "status", "settle", refund.id


async def _refund_failed_here(garden: Garden) -> Planted:
    payment, refund = await garden.returning()
    await garden.give_back(payment, refund)
    async with garden.writing() as frame:
        await settling.refused(frame, refund.id)
    return "refund", "status", "set_aside", refund.id


async def _refund_of_less(garden: Garden) -> Planted:
    payment, refund = await garden.returning()
    back = await garden.give_back(payment, refund, 999)
    async with garden.writing() as frame:
        await settling.settle(frame, refund.id, garden.told_back(refund, back.ref))
    return "refund", "amount", "set_aside", refund.id


async def _dispute_unheard(garden: Garden) -> Planted:
    return "dispute", "missing_here", "take", (await _objected(garden, await garden.paid())).ref


async def _dispute_here_only(garden: Garden) -> Planted:
    theirs = await _objected(garden, await garden.paid())
    other = await garden.paid()
    told: dict[str, Any] = {"ref": "dp_unknown_there", "key": other.id}
    name = await _take(garden, theirs, **told)
    await _take(garden, theirs)
    return "dispute", "missing_there", "set_aside", name


async def _dispute_ended_there(garden: Garden) -> Planted:
    theirs = await _objected(garden, await garden.paid())
    name = await _take(garden, theirs)
    await garden.provider.accept_dispute(garden.key("dsp"), theirs.ref)
    return "dispute", "status", "take", name


async def _dispute_ended_here(garden: Garden) -> Planted:
    theirs = await _objected(garden, await garden.paid())
    return "dispute", "status", "set_aside", await _take(garden, theirs, state="lost")


async def _dispute_of_less(garden: Garden) -> Planted:
    theirs = await _objected(garden, await garden.paid())
    return "dispute", "amount", "set_aside", await _take(garden, theirs, amount=Money(1, "USD"))


async def _dispute_charged(garden: Garden) -> Planted:
    theirs = await _objected(garden, await garden.paid())
    return "dispute", "fee", "take", await _take(garden, theirs, fee=Money(1, "USD"))


async def _objected(garden: Garden, payment: Payment) -> ProviderDispute:
    assert garden.object is not None
    return await garden.object(payment)


async def _take(garden: Garden, theirs: ProviderDispute, **other: Any) -> str:
    async with garden.writing() as frame:
        return (await disputes.take(frame, garden.provider.name, structs.replace(theirs, **other))).id


PLANTS: tuple[Callable[[Garden], Awaitable[Planted]], ...] = (
    _charge_there_only,
    _charge_here_only,
    _charge_never_sent,
    _charge_answer_lost,
    _charge_failed_here,
    _charge_of_less,
    _refund_there_only,
    _refund_here_only,
    _refund_never_sent,
    _refund_answer_lost,
    _refund_failed_here,
    _refund_of_less,
)
"""Twelve differences of charges and refunds: each kind, in both directions."""
DISPUTES: tuple[Callable[[Garden], Awaitable[Planted]], ...] = (
    _dispute_unheard,
    _dispute_here_only,
    _dispute_ended_there,
    _dispute_ended_here,
    _dispute_of_less,
    _dispute_charged,
)
"""And those of disputes, for a provider that can be brought to open one."""


async def plant(garden: Garden) -> set[Planted]:
    """Plant all that this provider can be brought to; what a comparison has to find, and nothing else."""
    chosen = PLANTS if garden.object is None else (*PLANTS, *DISPUTES)
    return {await one(garden) for one in chosen}
