"""Money for tests: a member with a captured payment, and the jobs run on the spot against a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.ports import PaymentProvider
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.settings import Settings
from rtp.users import service as users
from rtp.users.schemas import CreateUser

_TAKE = text(
    """
    UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
        SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND task_name = ANY (:names) ORDER BY id LIMIT 1
    ) RETURNING id, task_name, args
    """
)
_DONE = text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = :id")


async def captured_payment(
    frames: Frames, provider: PaymentProvider, specs: Sequence[JobSpec], *, amount: int = 10_000,
    email: str = "ada@example.com", card: str = "visa",
) -> Payment:  # fmt: skip
    """A payment of a new member, asked of the provider and settled."""
    [paid] = await captured_payments(frames, provider, specs, 1, amount=amount, email=email, card=card)
    return paid


async def captured_payments(
    frames: Frames, provider: PaymentProvider, specs: Sequence[JobSpec], count: int, *, amount: int = 10_000,
    email: str = "ada@example.com", card: str = "visa",
) -> list[Payment]:  # fmt: skip
    """Payments of one new member, asked of the provider and settled."""
    about: dict[str, Any] = {"operation": "tests.pay", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with frames.writing(**about) as frame:
        user = await users.create(frame, CreateUser(email=email, name="Ada"))
        method = await methods.use(frame, users.number(user), card)
        money = Money(amount, "USD")
        paid = [
            await payments.charge(frame, method, amount=money, purpose="Day Trading Room", source="test")
            for _ in range(count)
        ]
    await run_jobs(frames, provider, specs)
    async with frames.reading(**about) as frame:
        return [await payments.find(frame, one.id) for one in paid]


async def run_jobs(
    frames: Frames, provider: PaymentProvider | None, specs: Sequence[JobSpec], *, most: int = 1_000_000
) -> int:
    """Run queued jobs of these kinds, due or not, until none is left or `most` ran; how many. A failure is raised."""
    kinds = {spec.name: spec for spec in specs}
    count = 0
    while count < most:
        async with frames.database.writing() as connection:
            job = (await connection.execute(_TAKE, {"names": list(kinds)})).first()
            await connection.commit()
        if job is None:
            return count
        args = dict(job.args)
        args.pop("_trace", None)
        context = Context(
            frames=frames, settings=Settings(), trace=trace.start(), name=job.task_name, services={"provider": provider}
        )
        await kinds[job.task_name].run(context, **args)
        async with frames.database.writing() as connection:
            await connection.execute(_DONE, {"id": job.id})
            await connection.commit()
        count += 1
    return count
