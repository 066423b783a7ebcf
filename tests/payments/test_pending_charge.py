"""A charge that the provider has not settled yet: nothing is taken for granted until it says so."""

from __future__ import annotations

from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.payments import jobs
from rtp.payments.fakes import FakeProvider
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
