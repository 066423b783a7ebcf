"""Bulk refunds whose worker is killed or put to sleep: the end is the planned one, whenever it happens."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.client import Client, Target
from rtp.db.frames import Frames
from rtp.payments.http_provider import HttpProvider
from rtp.payments.schemas import Payment
from rtp.refund_bulks import schemas
from rtp.subscriptions import schemas as subscriptions
from rtp.testing import money
from rtp.testing.instance import RTP, RunningInstance, running
from rtp.testing.kills import PRICE, kill, stock
from rtp.testing.servers import Cloned
from rtp.testing.waiting import eventually
from rtp.users import schemas as users
from tests.refunds import bulks
from tests.refunds.bulks import JOBS
from tests.refunds.test_kills import UNDER_WAY, money_holds, provider_refunds
from tests.refunds.workers import Workers, comes_to_hold, release_sleepers

PER_PAYMENT = 20
Effects = Counter[tuple[str, int]]


async def ended(api: httpx.AsyncClient, bulk: str) -> Any:
    async def over() -> Any:
        shown = await bulks.shown(api, bulk)
        return shown if shown["ended_at"] else None

    return await comes_to_hold("the bulk refund ends", over)


async def agree(api: httpx.AsyncClient, provider: HttpProvider, payments: list[Payment], wanted: Effects) -> None:
    """Ours are the planned refunds, all succeeded; the provider's record equals them; every rule about money holds."""

    async def settled() -> Any:
        found = (await api.get("/v1/refunds", params={"limit": 500})).json()["items"]
        return None if UNDER_WAY & {item["state"] for item in found} else [found]

    [items] = await comes_to_hold("every refund is settled", settled)
    assert {item["state"] for item in items} <= {"succeeded"}
    assert Counter((item["payment_id"], item["amount"]["amount"]) for item in items) == wanted
    theirs = await provider.list_refunds(payments[0].created_at.replace(year=2000))
    assert sorted(one.key for one in theirs) == sorted(item["id"] for item in items)
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"

    async def heard() -> Any:  # a consumer that is a moment behind is long behind by the clock of tests
        checks = (await api.get("/v1/doctor/money")).json()["checks"]
        broken = [check for check in checks if check["state"] == "failed"]
        return None if [check["name"] for check in broken] == ["events due"] else [broken]

    assert await comes_to_hold("every event was heard", heard) == [[]]


def filed(payments: list[Payment], rows: int) -> tuple[list[bulks.Row], Effects]:
    """Rows with keys of their own, and the refunds that they mean."""
    made = [(payments[number % len(payments)].id, 100 + number) for number in range(rows)]
    lines = [
        {"payment": payment, "amount": f"{amount // 100}.{amount % 100:02}", "key": str(amount)}
        for payment, amount in made
    ]
    return lines, Counter(made)


STEPS = {"check": 1, "issue": 2, "follow": 3}
PLACES = [(point, step) for point in ("before_step", "after_step", "after_transition") for step in STEPS]


@pytest.mark.parametrize(
    "failpoint,at",
    [
        pytest.param(
            f"saga.{point}:{STEPS[step]}", step, marks=pytest.mark.prove("kills", sample=step == "issue")
        )
        for point, step in PLACES
    ]
    + [pytest.param("bulk.in_chunk:7", "issue", marks=pytest.mark.prove("kills"))],
)  # fmt: skip
async def test_a_kill_at_any_step_gives_the_same_end(
    api: httpx.AsyncClient, frames: Frames, provider: HttpProvider, worker: Workers, failpoint: str, at: str
) -> None:
    payments = await money.captured_payments(frames, provider, JOBS, 3)
    rows, wanted = filed(payments, 12)
    plan = await bulks.planned(api, rows)
    saga = (await bulks.applied(api, plan["id"])).json()["saga_id"]
    assert await asyncio.to_thread(worker.start(failpoint).wait) == -signal.SIGKILL
    left = {step["name"]: step["state"] for step in (await api.get(f"/v1/sagas/{saga}")).json()["steps"]}
    if "after_transition" not in failpoint:
        assert left[at] == "running"
    worker.start()
    done = await ended(api, plan["id"])
    assert (done["state"], done["done"], done["left"]) == ("succeeded", 12, 0)
    await comes_to_hold("the saga ends", lambda: _succeeded(api, saga))
    await agree(api, provider, payments, wanted)


BACK = {"refused": {"accept": 2}, "canceled": {"check": 1, "accept": 2}}
"""What is undone, and at the how manieth turn of the worker that is killed: when the look at the world refuses, which
is a turn itself, and when somebody cancels between the look and the first refund."""


@pytest.mark.parametrize(
    "why,step,point",
    [
        pytest.param(
            why, step, point, marks=pytest.mark.prove("kills", sample=(why, point) == ("refused", "after_step"))
        )
        for why, steps in BACK.items()
        for step in steps
        for point in ("before_step", "after_step", "after_transition")
    ],
)
async def test_a_kill_on_the_way_back_closes_the_bulk_once_and_refunds_nothing(
    api: httpx.AsyncClient, frames: Frames, provider: HttpProvider, worker: Workers, why: str, step: str, point: str
) -> None:
    payments = await money.captured_payments(frames, provider, JOBS, 3)
    rows, _ = filed(payments, 12)
    plan = await bulks.planned(api, rows)
    saga = (await bulks.applied(api, plan["id"])).json()["saga_id"]
    wanted: Effects = Counter()
    if why == "refused":
        wanted = await _refunded_meanwhile(api, payments[0])
    else:
        assert await asyncio.to_thread(worker.start("saga.after_transition:1").wait) == -signal.SIGKILL
        assert (await api.post(f"/v1/sagas/{saga}/cancel")).status_code == 200
    assert await asyncio.to_thread(worker.start(f"saga.{point}:{BACK[why][step]}").wait) == -signal.SIGKILL
    left = await _saga(api, saga)
    states = {one["name"]: one["state"] for one in left["steps"]}
    assert states[step] == ("compensated" if point == "after_transition" else "done")
    assert left["direction"] == "back"
    closed = (step, point) in {("accept", "after_step"), ("accept", "after_transition")}
    assert (await bulks.shown(api, plan["id"]))["state"] == ("canceled" if closed else "applying")
    worker.start()
    await comes_to_hold("the saga ends", lambda: _compensated(api, saga))
    done = await bulks.shown(api, plan["id"])
    assert (done["state"], done["canceled"], done["done"], done["left"]) == ("canceled", 12, 0, 0)
    assert {row["state"] for row in await bulks.rows_of(api, plan["id"])} == {"canceled"}
    told = (await api.get("/v1/events", params={"aggregate": plan["id"], "limit": 100})).json()["items"]
    assert [event["type"] for event in told].count("bulk.canceled") == 1
    await agree(api, provider, payments, wanted)


async def _refunded_meanwhile(api: httpx.AsyncClient, payment: Payment) -> Effects:
    """A refund that the plan does not know of; what it returns."""
    body = {"amount": 999, "reason": "duplicate"}
    answer = await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers={"Idempotency-Key": "meanwhile"})
    assert answer.status_code == 201, answer.text
    return Counter({(payment.id, 999): 1})


async def _saga(api: httpx.AsyncClient, saga: str) -> Any:
    return (await api.get(f"/v1/sagas/{saga}")).json()


async def _compensated(api: httpx.AsyncClient, saga: str) -> bool:
    return bool((await _saga(api, saga))["state"] == "compensated")


async def _succeeded(api: httpx.AsyncClient, saga: str) -> bool:
    return bool((await _saga(api, saga))["state"] == "succeeded")


@pytest.mark.prove("kills")
async def test_a_worker_that_sleeps_through_its_rescue_and_wakes_does_nothing_twice(
    database: Cloned, api: httpx.AsyncClient, frames: Frames, provider: HttpProvider, worker: Workers
) -> None:
    release_sleepers(database)
    payments = await money.captured_payments(frames, provider, JOBS, 20)
    rows, wanted = filed(payments, 400)
    plan = await bulks.planned(api, rows)
    assert plan["accepted"] == 400
    sleeping = worker.start()
    await bulks.applied(api, plan["id"])

    async def begun() -> bool:
        return bool(0 < (await bulks.shown(api, plan["id"]))["left"] < 400)

    await comes_to_hold("some are done", begun)
    sleeping.send_signal(signal.SIGSTOP)
    worker.start()
    done = await ended(api, plan["id"])
    sleeping.send_signal(signal.SIGCONT)
    assert (done["state"], done["done"]) == ("succeeded", 400)
    await asyncio.sleep(3)  # what the sleeper still had in hand
    assert sleeping.poll() is None or b"fetch_job" in worker.log.read_bytes(), "it ended itself without a reason"
    await agree(api, provider, payments, wanted)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    with running(tmp_path) as started:
        yield started


def stocked(platform: RunningInstance, client: Client, count: int) -> list[str]:
    """Captured payments of 100.00, one a member, made set-wise."""
    stock(platform)
    emails = [f"member-{number}@example.com" for number in range(count)]
    named = [{"row": row, "email": email, "name": "Pay Er"} for row, email in enumerate(emails)]
    bought = [{"row": row, "email": email, "price": PRICE, "card": "visa"} for row, email in enumerate(emails)]
    imports: list[tuple[Any, Any]] = [(users.IMPORT, named), (subscriptions.IMPORT, bought)]
    for operation, lines in imports:
        body = "\n".join(json.dumps(line) for line in lines).encode()
        client.write(operation, lines=body, key=f"stock-{operation.id}")

    def captured() -> Any:
        paid = platform.json("payments", "list", "--state", "succeeded", "--all")
        return paid if len(paid) == count else None

    return [payment["id"] for payment in eventually("every payment is captured", captured)]


def due(client: Client, bulk: str, left: int) -> None:
    """Wait until no more rows than these are left, as long as some go on being done."""
    shown = client.read(schemas.SHOW, bulk=bulk)
    while shown.left > left:
        before = shown.left

        def moved(before: int = before) -> Any:
            threading.Event().wait(1.0)  # counting ten thousand rows ten times a second would slow them down
            now = client.read(schemas.SHOW, bulk=bulk)
            return now if now.left < before else None

        shown = eventually(f"less than {before} rows are left", moved)


@pytest.mark.prove("kills", sample=True)
def test_a_bulk_whose_worker_is_killed_five_times_ends_in_exactly_the_planned_refunds(
    platform: RunningInstance, sampled: bool
) -> None:
    count = 300 if sampled else 10_000
    with Client(Target(name="local", url=platform.url, token=platform.token), timeout=60) as client:
        payments = stocked(platform, client, count // PER_PAYMENT)
        made = [(payments[number % len(payments)], 100 + number // len(payments)) for number in range(count)]
        file, results = platform.folder / "refunds.csv", platform.folder / "results.csv"
        with file.open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["payment", "amount", "reason", "key"])
            writer.writerows(
                [payment, f"{amount / 100:.2f}", "duplicate", f"{payment}-{amount}"] for payment, amount in made
            )
        plan = platform.json("refunds", "bulk", "plan", str(file))
        assert (plan["accepted"], plan["refused"]) == (count, 0)
        command = [RTP, "refunds", "bulk", "apply", plan["id"], "--results", str(results), "--timeout", "120"]
        with subprocess.Popen(command, env=platform.environment(), stdout=subprocess.PIPE, text=True) as applying:
            for number in range(1, 6):
                due(client, plan["id"], count - count * number // 7)
                kill(platform, "worker")
            said, _ = applying.communicate(timeout=3600)
        assert applying.returncode == 0, said
    ours = platform.json("refunds", "list", "--all")
    assert {item["state"] for item in ours} == {"succeeded"}
    assert Counter((item["payment_id"], item["amount"]["amount"]) for item in ours) == Counter(made)
    assert sorted(one.key for one in provider_refunds(platform)) == sorted(item["id"] for item in ours)
    money_holds(platform)
    with results.open(newline="") as read:
        rows = list(csv.DictReader(read))
    assert {row["refund"] for row in rows} == {item["id"] for item in ours}
    assert Counter(row["state"] for row in rows) == {"succeeded": count}
