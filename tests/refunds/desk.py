"""What tests do at the refund desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Self

import httpx
import msgspec
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import ids, trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.errors import ProviderOutcomeUnknown
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import ChargeLine, Payment
from rtp.permissions import LOCAL_OWNER, WORKER
from rtp.refunds import jobs as refund_jobs
from rtp.subscriptions import moves, settling
from rtp.testing import asgi, money
from rtp.users import service as users
from rtp.users.errors import UserNotFound
from rtp.users.schemas import CreateUser

ADA = "ada@example.com"
PRICE = {"key": "room-monthly", "amount": {"amount": 10_000, "currency": "USD"}, "interval": "month"}
CATALOG = {"products": [{"key": "room", "name": "Room", "kind": "room", "prices": [PRICE]}]}
JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)
Sold = tuple[int, int]
"""(net, tax) of a line."""


class ProcessKilled(Exception):
    """Ends a job as a kill would: what the provider did is done, and nothing of it was noted."""


class Forgetful(FakeProvider):
    """Does what it is asked, and on demand loses the answer, does not find it, or says that it is at it or failed."""

    loses_answers = False
    knows_nothing = False
    dies = False
    says: str = ""
    waits_for = ""

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        done = await super().refund(key, charge_ref, amount, reason)
        if self.dies:
            raise ProcessKilled
        if self.loses_answers:
            raise ProviderOutcomeUnknown(key=key, why="the connection was lost")
        if self.says:
            return self._saying(done, self.says)
        return done

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        done = await super().retrieve_refund_by_key(key)
        if self.knows_nothing:
            return None
        return done if done is None or not self.says else self._saying(done, self.says)

    def _saying(self, done: ProviderRefund, state: Any) -> ProviderRefund:
        why = "card_account_closed" if state == "failed" else self.waits_for
        return msgspec.structs.replace(done, state=state, failure_reason=why)


@dataclass
class Desk:
    """The application as its local owner sees it, its clock, and the provider."""

    api: httpx.AsyncClient
    frames: Frames
    clock: FixedClock
    provider: Forgetful
    open: AsyncExitStack
    app: Any
    second: httpx.AsyncClient | None = None
    _keys: Any = field(default_factory=lambda: count(1))

    @classmethod
    @asynccontextmanager
    async def opened(cls, api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Self]:
        """A desk whose clock stands at the beginning of the test: tokens end by the database's own."""
        clock = FixedClock(datetime.now(UTC))
        frames.clock = app.state.frames.clock = clock
        async with AsyncExitStack() as stack:
            yield cls(api=api, frames=frames, clock=clock, provider=Forgetful(clock), open=stack, app=app)

    def member(self) -> str:
        """An e-mail that no member has."""
        return f"member-{next(self._keys)}@example.com"

    async def pay(
        self, *sold: Sold, email: str = ADA, product: str = "", quantity: int = 1, currency: str = "USD",
        source: str = "test",
    ) -> Payment:  # fmt: skip
        """A captured payment with these lines."""
        given = [
            ChargeLine(
                description=f"Line {place}", product=product, quantity=quantity, net=Money(net, currency),
                tax=Money(tax, currency),
            )
            for place, (net, tax) in enumerate(sold or [(10_000, 0)], start=1)
        ]  # fmt: skip
        about: dict[str, Any] = {"operation": "tests.pay", "principal": LOCAL_OWNER, "trace": trace.start()}
        async with self.frames.writing(**about) as frame:
            try:
                user = await users.resolve(frame, email)
            except UserNotFound:
                user = await users.create(frame, CreateUser(email=email, name="Ada"))
            method = await methods.use(frame, ids.parse_user(user.id), "visa")
            total = Money.total((line.net + line.taxed for line in given), currency)
            paid = await payments.charge(
                frame, method, amount=total, purpose="Day Trading Room", source=source, lines=given
            )
        await self.work()
        async with self.frames.reading(**about) as frame:
            return await payments.find(frame, paid.id)

    async def work(self) -> None:
        """Run every job there is, due or not."""
        await money.run_jobs(self.frames, self.provider, JOBS)

    async def subscribed(self) -> tuple[dict[str, Any], Payment]:
        """A subscription of Ada's with a captured payment of 100.00, and the payment."""
        assert (await self.api.put("/v1/catalog", json=CATALOG)).status_code == 200
        assert (await self.api.post("/v1/users", json={"email": ADA, "name": "Ada"})).status_code == 201
        body = {"user": ADA, "price": "room-monthly", "card": "visa"}
        made = await self.api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "subscribe"})
        assert made.status_code == 201, made.text
        return dict(made.json()), await self.take_in(made.json()["id"])

    async def take_in(self, subscription: str) -> Payment:
        """Let the provider answer a subscription's latest charge, and the subscription follow it, as workers do."""
        await self.work()
        about: dict[str, Any] = {"operation": "tests.settle", "principal": WORKER, "trace": trace.start()}
        async with self.frames.writing(**about) as frame:
            held = await moves.lock(frame, subscription)
            payment = await payments.find(frame, held.payment_id or "")
            await settling.settle(frame, held, payment)
            return payment

    async def access(self) -> dict[str, Any]:
        """Ada's entitlement, read from the database: a check may come from the cache, which here nothing tells."""
        [found] = (await self.api.get("/v1/entitlements", params={"user": ADA})).json()["items"]
        return dict(found)

    async def issue(
        self, payment: Payment, *, key: str = "", by: httpx.AsyncClient | None = None, **body: Any
    ) -> httpx.Response:
        """Issue a refund."""
        sent = {"reason": "duplicate", **body}
        key = key or f"key-{next(self._keys)}"
        return await (by or self.api).post(
            f"/v1/payments/{payment.id}/refunds", json=sent, headers={"Idempotency-Key": key}
        )

    async def refunded(self, payment: Payment, **body: Any) -> dict[str, Any]:
        """A refund that is accepted."""
        answer = await self.issue(payment, **{"again": True, **body})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def decide(
        self, refund: str, verb: str, *, by: httpx.AsyncClient | None = None, note: str = ""
    ) -> httpx.Response:
        """Approve, reject, cancel or retry."""
        key = f"key-{next(self._keys)}"
        sent = None if verb == "retry" else {"note": note}
        return await (by or self.api).post(f"/v1/refunds/{refund}/{verb}", json=sent, headers={"Idempotency-Key": key})

    async def preview(self, payment: Payment, *, by: httpx.AsyncClient | None = None, **body: Any) -> dict[str, Any]:
        """What a refund would do."""
        answer = await (by or self.api).post(f"/v1/payments/{payment.id}/refund-preview", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def show(self, refund: str) -> dict[str, Any]:
        """A refund."""
        return dict((await self.api.get(f"/v1/refunds/{refund}")).json())

    async def payment(self, payment: Payment) -> dict[str, Any]:
        """A payment as it is now."""
        return dict((await self.api.get(f"/v1/payments/{payment.id}")).json())

    async def person(self, email: str, role: str) -> httpx.AsyncClient:
        """A client with the token of a new staff member."""
        made = await self.api.post("/v1/staff", json={"email": email, "name": email, "role": role})
        assert made.status_code == 201, made.text
        return await self.token(role, staff=email)

    async def token(self, role: str, *, staff: str | None = None) -> httpx.AsyncClient:
        """A client with another token, of a staff member or of nobody."""
        made = await self.api.post("/v1/tokens", json={"name": "t", "role": role, "staff": staff})
        return await self.open.enter_async_context(asgi.client(self.app, token=made.json()["token"]))

    async def rules(self, **rules: Any) -> httpx.Response:
        """Apply a refund policy; who is not named may refund what they like."""
        free = [{"role": role, "currency": "USD"} for role in ("support", "operator", "owner", "local", "token")]
        named = [row["role"] for row in rules.get("limits", [])]
        rules["limits"] = [*rules.get("limits", []), *(row for row in free if row["role"] not in named)]
        answer = await self.api.put("/v1/refund-policy", json=rules)
        assert answer.status_code == 200, answer.text
        return answer

    async def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        """Run a statement as the application's role."""
        async with self.frames.database.writing() as connection:
            result = await connection.execute(text(statement), values)
            rows = result.all() if result.returns_rows else []
            await connection.commit()
        return rows

    async def books_hold(self) -> None:
        """The ledger agrees with payments, refunds and their lines."""
        checked = (await self.api.get("/v1/ledger/check")).json()
        assert checked["state"] == "held", [rule for rule in checked["rules"] if rule["state"] != "held"]
        assert await self.sql(_ASTRAY) == []


_ASTRAY = """
    SELECT 'lines of ' || p.id FROM payments p JOIN payment_lines l ON l.payment_id = p.id GROUP BY p.id
    HAVING sum(l.net + l.tax) <> p.amount OR sum(l.tax) <> p.tax OR sum(l.net_held + l.tax_held) <> p.refunds_held
    UNION ALL
    SELECT 'refund ' || r.id FROM refunds r LEFT JOIN refund_lines l ON l.refund_id = r.id GROUP BY r.id
    HAVING sum(l.net + l.tax) IS DISTINCT FROM r.amount OR sum(l.tax) IS DISTINCT FROM r.tax
    UNION ALL
    SELECT 'line ' || l.id FROM payment_lines l LEFT JOIN (
        SELECT payment_line_id, sum(rl.net) AS net, sum(rl.tax) AS tax, sum(rl.quantity) AS quantity
        FROM refund_lines rl JOIN refunds r ON r.id = rl.refund_id
        WHERE r.state NOT IN ('failed', 'canceled', 'rejected', 'expired') GROUP BY payment_line_id
    ) h ON h.payment_line_id = l.id
    WHERE (l.net_held, l.tax_held, l.quantity_held)
        <> (coalesce(h.net, 0), coalesce(h.tax, 0), coalesce(h.quantity, 0))
    UNION ALL
    SELECT 'lost of ' || p.id FROM payments p JOIN payment_lines l ON l.payment_id = p.id
    GROUP BY p.id HAVING sum(l.net_lost + l.tax_lost) > p.disputes_lost
"""
