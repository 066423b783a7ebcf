"""A charge that the provider has not settled yet: nothing is taken for granted until it says so."""

from __future__ import annotations

import msgspec
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments import jobs, service
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderCharge
from rtp.payments.schemas import waits_for
from rtp.permissions import LOCAL_OWNER
from rtp.sandbox.schemas import Control
from rtp.testing import money


async def test_slow_money_leaves_the_payment_unknown_and_settles_it_when_it_is_asked_again(frames: Frames) -> None:
    provider = FakeProvider(frames.clock)
    await provider.steer(Control(charges_pending=True))
    submitting = [spec for spec in jobs.JOBS if spec.name != "payments.reconcile"]
    payment = await money.captured_payment(frames, provider, submitting)
    assert (payment.state, payment.captured.amount) == ("unknown", 0)
    async with frames.database.reading() as connection:
        waiting = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'payments.reconcile' AND status = 'todo'"
        assert (await connection.execute(text(waiting))).scalar_one() == 1
        assert (await connection.execute(text("SELECT count(*) FROM ledger"))).scalar_one() == 0
    await provider.steer(Control())
    await money.run_jobs(frames, provider, jobs.JOBS)
    async with frames.database.reading() as connection:
        states = (await connection.execute(text("SELECT state FROM payments"))).scalars().all()
        assert states == ["succeeded"]
        booked = await connection.execute(text("SELECT coalesce(sum(amount), 1) FROM ledger"))
        assert booked.scalar_one() == 0


class Asking(FakeProvider):
    """Its charges wait for the payer, as a bank that wants a confirmation."""

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        return self._asking(await super().charge(key, amount, card_ref, description, capture))

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        found = await super().retrieve_charge_by_key(key)
        return None if found is None else self._asking(found)

    def _asking(self, charge: ProviderCharge) -> ProviderCharge:
        reason = "requires_action" if charge.state == "pending" else ""
        return msgspec.structs.replace(charge, failure_reason=reason)


async def test_that_the_member_must_confirm_is_kept_until_the_money_is_there(frames: Frames) -> None:
    provider = Asking(frames.clock)
    await provider.steer(Control(charges_pending=True))
    submitting = [spec for spec in jobs.JOBS if spec.name != "payments.reconcile"]
    payment = await money.captured_payment(frames, provider, submitting)
    assert (payment.state, payment.failure_reason) == ("unknown", "requires_action")
    assert waits_for(payment.state, payment.failure_reason).startswith("It is unknown: the member must act first")
    await provider.steer(Control())
    await money.run_jobs(frames, provider, jobs.JOBS)
    async with frames.reading(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        settled = await service.find(frame, payment.id)
    assert (settled.state, settled.failure_reason) == ("succeeded", "")
