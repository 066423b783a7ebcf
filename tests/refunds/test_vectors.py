"""The published vectors of refunds and idempotency, run against the real application and database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.disputes import service as disputes
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.ports import ProviderDispute
from rtp.payments.schemas import Payment
from rtp.permissions import WORKER
from rtp.refunds import jobs as refund_jobs
from rtp.sandbox.schemas import Control
from rtp.testing import money
from tests.refunds.desk import ADA, Desk, ProcessKilled
from tests.vectors.reading import vectors

Step = dict[str, Any]


class Refunding:
    """Runs the steps of one vector of refunds.json; the refund of the last step is what the next one is about."""

    def __init__(self, desk: Desk, payment: Payment) -> None:
        self.desk = desk
        self.payment = payment
        self.last = ""

    async def run(self, step: Step) -> Step:
        """Do one step and say what came of it."""
        [(verb, what)] = step.items()
        if verb == "refund":
            return await self._refund(what)
        if verb == "together":
            return await self._together(what)
        if verb == "dispute lost":
            return await self._lose(what)
        return await self._state(what, returned=verb == "provider")

    async def left(self) -> int:
        """What can still be refunded."""
        return int((await self.desk.payment(self.payment))["refundable"]["amount"])

    async def _refund(self, asked: Step) -> Step:
        answer = await self.desk.issue(self.payment, again=True, **_body(asked))
        if answer.status_code != 201:
            assert answer.json()["code"] in {"refund_exceeds_captured", "line_exceeded"}, answer.text
            return {"refused": True, "left": await self.left()}
        made = answer.json()
        self.last = made["id"]
        return {"net": made["amount"]["amount"] - made["tax"]["amount"], "tax": made["tax"]["amount"]}

    async def _together(self, asked: list[Step]) -> Step:
        sent = [self.desk.issue(self.payment, again=True, **_body(one)) for one in asked]
        statuses = [answer.status_code for answer in await asyncio.gather(*sent)]
        refused = {status for status in statuses if status != 201}
        assert refused <= {409, 422}
        return {
            "succeeded": statuses.count(201), "refused": len(statuses) - statuses.count(201), "statuses": [409, 422],
            "left": await self.left(),
        }  # fmt: skip

    async def _lose(self, amount: int) -> Step:
        at = self.desk.clock.now()
        lost = ProviderDispute(
            ref="dp_lost", key=self.payment.id, charge_ref="ch_1", amount=Money(amount, "USD"), reason="general",
            state="lost", due_by=at, created_at=at,
        )  # fmt: skip
        about: dict[str, Any] = {"operation": "tests.lose", "principal": WORKER, "trace": trace.start()}
        async with self.desk.frames.writing(**about) as frame:
            await disputes.take(frame, self.payment.provider, lost)
        return {}

    async def _state(self, wanted: str, *, returned: bool) -> Step:
        await _BRINGS[wanted](self.desk, self.last)
        shown = await self.desk.show(self.last)
        if not returned:
            return {"state": shown["state"]}
        back = [line for line in shown["lines"] if shown["state"] == "succeeded"]
        sums = {name: sum(line[name]["amount"] for line in back) for name in ("net", "tax")}
        return {"state": shown["state"], "returned": sums}


async def _nothing(desk: Desk, refund: str) -> None:
    """It is there from the beginning."""


async def _submitted(desk: Desk, refund: str) -> None:
    await desk.provider.steer(Control(down=True))
    with pytest.raises(ProviderUnavailable):
        await desk.work()
    await desk.provider.steer(Control())


async def _unknown(desk: Desk, refund: str) -> None:
    desk.provider.loses_answers = True
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    desk.provider.loses_answers = False


async def _pending(desk: Desk, refund: str) -> None:
    desk.provider.says = "pending"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])


async def _succeeded(desk: Desk, refund: str) -> None:
    desk.provider.says = ""
    await desk.work()


async def _failed(desk: Desk, refund: str) -> None:
    desk.provider.says = "failed"
    await desk.work()
    desk.provider.says = ""


async def _rejected(desk: Desk, refund: str) -> None:
    assert (await desk.decide(refund, "reject")).status_code == 200


async def _expired(desk: Desk, refund: str) -> None:
    desk.clock.instant += timedelta(days=3)
    await desk.work()


_BRINGS = {
    "waiting": _nothing, "created": _nothing, "submitted": _submitted, "unknown": _unknown, "pending": _pending,
    "succeeded": _succeeded, "failed": _failed, "rejected": _rejected, "expired": _expired,
}  # fmt: skip


def _body(asked: Step) -> Step:
    """A step of a vector as a request."""
    amount = asked.get("net", asked.get("gross"))
    if "line" not in asked:
        return {"net": "net" in asked} | ({} if amount is None else {"amount": amount})
    line = {"position": asked["line"], "amount": amount, "quantity": asked.get("pieces")}
    return {"net": "net" in asked, "lines": [{name: value for name, value in line.items() if value is not None}]}


@pytest.mark.parametrize("vector", vectors("refunds/refunds.json"), ids=lambda vector: vector["id"])
async def test_each_refund_of_the_vectors_takes_and_leaves_what_they_say(desk: Desk, vector: Step) -> None:
    given, expect = vector["given"], vector["expect"]
    if "approval_above" in given:
        await desk.rules(approval=[{"currency": "USD", "above": given["approval_above"]}])
    sold = [(line["net"], line["tax"]) for line in given["lines"]]
    run = Refunding(desk, await desk.pay(*sold, quantity=given["lines"][0]["quantity"]))
    assert [await run.run(step) for step in given["steps"]] == expect["steps"]
    assert await run.left() == expect["left"]
    await desk.books_hold()


class Repeating:
    """Runs the steps of one vector of idempotency.json; refunds are named r1, r2 as they appear."""

    def __init__(self, desk: Desk, payment: Payment) -> None:
        self.desk = desk
        self.payment = payment
        self.names: dict[str, str] = {}
        self.tenants: dict[str, httpx.AsyncClient] = {}

    async def run(self, step: Step) -> Step:
        """Do one step and say what came of it."""
        [(verb, what)] = step.items()
        return await getattr(self, f"_{verb}")(what)

    async def _request(self, asked: Step) -> Step:
        tenant = asked.get("tenant", "")
        if tenant and tenant not in self.tenants:
            self.tenants[tenant] = await self.desk.person("other@example.com", "support")
        return self._said(await self._send(asked, self.tenants.get(tenant, self.desk.api)))

    async def _send(self, asked: Step, client: httpx.AsyncClient) -> httpx.Response:
        headers = {} if asked["key"] is None else {"Idempotency-Key": asked["key"]}
        body = {"reason": "duplicate", **asked["body"]}
        return await client.post(f"/v1/payments/{self.payment.id}/refunds", json=body, headers=headers)

    def _said(self, answer: httpx.Response) -> Step:
        if answer.status_code != 201:
            return {"status": answer.status_code, "code": answer.json()["code"]}
        made = {"status": 201, "refund": self.names.setdefault(answer.json()["id"], f"r{len(self.names) + 1}")}
        return made | ({"replayed": True} if answer.headers.get("idempotency-replayed") == "true" else {})

    async def _overlapping(self, asked: Step) -> Step:
        """The payment is held, so that the first request is still under way when the next one comes."""
        async with self.desk.frames.database.writing() as connection:
            await connection.execute(text("SELECT id FROM payments FOR UPDATE"))
            tasks = [asyncio.ensure_future(self._send(asked, self.desk.api)) for _ in range(asked["times"])]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        answers = await asyncio.gather(*tasks)
        made = next(answer for answer in answers if answer.status_code == 201)
        statuses = sorted(answer.status_code for answer in answers)
        return {"statuses": statuses, "refund": self._said(made)["refund"]}

    async def _crash(self, when: str) -> Step:
        if when == "before the provider's answer":
            await _unknown(self.desk, "")
            return {}
        self.desk.provider.dies = True
        with pytest.raises(ProcessKilled):
            await self.desk.work()
        self.desk.provider.dies = False
        return {}

    async def _work(self, _: str) -> Step:
        await self.desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
        await self.desk.work()
        made = await self.desk.provider.list_refunds(self.payment.created_at)
        return {"provider_keys": [self.names[one.key] for one in made]}

    async def _wait_hours(self, hours: int) -> Step:
        self.desk.clock.instant += timedelta(hours=hours)
        return {}


@pytest.mark.parametrize("vector", vectors("refunds/idempotency.json"), ids=lambda vector: vector["id"])
async def test_each_request_of_the_vectors_has_the_effect_and_answer_that_they_say(desk: Desk, vector: Step) -> None:
    run = Repeating(desk, await desk.pay())
    assert [await run.run(step) for step in vector["given"]["steps"]] == vector["expect"]["steps"]
    refunds = (await desk.api.get("/v1/refunds", params={"user": ADA})).json()["items"]
    assert len(refunds) == vector["expect"]["refunds"]
    await desk.books_hold()
