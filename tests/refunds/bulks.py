"""Bulk refunds for tests: files as rows, sent to the API as the command does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx

from rtp.payments import jobs as payment_jobs
from rtp.refund_bulks import steps
from rtp.refunds import jobs as refund_jobs
from rtp.sagas import jobs as saga_jobs

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS, *saga_jobs.jobs([steps.SAGA]))
Row = dict[str, Any]


async def drafted(api: httpx.AsyncClient, **body: Any) -> str:
    """A file that is to come; its id."""
    answer = await api.post("/v1/refund-bulks", json={"file": "refunds.csv", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def sent(api: httpx.AsyncClient, bulk: str, rows: Sequence[Row], *, batch: int = 1, first: int = 2) -> Any:
    """One batch of rows, numbered from `first` on; the answer."""
    lines = [json.dumps({"row": first + place, "reason": "duplicate", **row}) for place, row in enumerate(rows)]
    return await raw(api, bulk, "\n".join(lines).encode(), batch=batch)


async def raw(api: httpx.AsyncClient, bulk: str, content: bytes, *, batch: int = 1) -> Any:
    """One batch as it is; the answer."""
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": f"{bulk}-{batch}"}
    return await api.post(f"/v1/refund-bulks/{bulk}/rows", params={"batch": batch}, content=content, headers=headers)


async def planned(api: httpx.AsyncClient, rows: Sequence[Row], **body: Any) -> Any:
    """A plan of these rows."""
    bulk = await drafted(api, **body)
    answer = await sent(api, bulk, rows)
    assert answer.status_code == 200, answer.text
    answer = await api.post(f"/v1/refund-bulks/{bulk}/plan")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def applied(api: httpx.AsyncClient, bulk: str, *, key: str = "apply", **body: Any) -> httpx.Response:
    """Ask for a plan to be carried out."""
    return await api.post(f"/v1/refund-bulks/{bulk}/apply", json=body, headers={"Idempotency-Key": key})


async def rows_of(api: httpx.AsyncClient, bulk: str, **filters: Any) -> list[Any]:
    """What became of each row."""
    return list((await api.get(f"/v1/refund-bulks/{bulk}/rows", params={"limit": 500, **filters})).json()["items"])


async def shown(api: httpx.AsyncClient, bulk: str) -> Any:
    """The bulk refund as it stands."""
    return (await api.get(f"/v1/refund-bulks/{bulk}")).json()
