"""What tests do with disputes."""

from __future__ import annotations

from typing import Any

import httpx

from rtp.disputes import jobs as dispute_jobs
from rtp.kit.money import Money
from rtp.payments.ports import ProviderEvent
from rtp.payments.schemas import Payment
from rtp.testing import money, webhooks
from rtp.webhooks import received_jobs
from tests.refunds.desk import JOBS, Desk

ALL_JOBS = (*JOBS, *dispute_jobs.JOBS, *received_jobs.JOBS)


class Objections(Desk):
    """The desk, and the cardholder's side of it."""

    async def work(self) -> None:
        """Run every queued job, due or not, until none is left."""
        await money.run_jobs(self.frames, self.provider, ALL_JOBS)

    async def object(self, payment: Payment, amount: int | None = None, *, work: bool = True) -> str:
        """Let the cardholder object, and the webhook arrive; our id of the dispute."""
        self.provider.open_dispute(payment.id, amount=None if amount is None else Money(amount, "USD"))
        await self.tell()
        if work:
            await self.work()
        found = (await self.api.get("/v1/disputes", params={"payment": payment.id})).json()["items"]
        return str(found[0]["id"]) if found else ""

    async def tell(self) -> None:
        """Post every webhook of the provider about disputes."""
        for event in self.provider.events():
            if event.type.startswith("dispute."):
                await self.post(event)

    async def post(self, event: ProviderEvent) -> httpx.Response:
        """Post one of its webhooks, as the sandbox sends it."""
        import msgspec

        answer = await webhooks.post(self.api, msgspec.structs.replace(event, provider="sandbox"))
        assert answer.status_code == 200, answer.text
        return answer

    async def read(self, path: str, **params: Any) -> Any:
        """Read something of the API."""
        answer = await self.api.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def do(self, path: str, body: Any = None, key: str = "") -> httpx.Response:
        """Change something by the API."""
        headers = {"Idempotency-Key": key or f"key-{next(self._keys)}"}
        return await self.api.post(f"/v1/{path}", json=body, headers=headers)

    async def balances(self) -> dict[str, int]:
        """What each account sums to in USD, without the empty ones."""
        rows = (await self.read("ledger/check"))["balances"]
        return {row["account"]: row["amount"]["amount"] for row in rows if row["amount"]["amount"]}
