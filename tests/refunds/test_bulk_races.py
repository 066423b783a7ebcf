"""Two appliers of one plan, on a real platform: one saga, one set of effects, and both see it through."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from rtp.client import Client, Target
from rtp.testing.instance import RTP, RunningInstance, running
from tests.refunds.test_bulk_kills import stocked

pytestmark = pytest.mark.prove("races")
PAYMENTS, ROWS = 10, 100


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    with running(tmp_path) as started:
        yield started


def planned(platform: RunningInstance) -> tuple[str, Counter[tuple[str, int]]]:
    """A plan of a hundred refunds, and what it means."""
    with Client(Target(name="local", url=platform.url, token=platform.token), timeout=60) as client:
        payments = stocked(platform, client, PAYMENTS)
    made = [(payments[number % PAYMENTS], 100 + number) for number in range(ROWS)]
    file = platform.folder / "refunds.csv"
    lines = [f"{payment},{amount / 100:.2f},duplicate" for payment, amount in made]
    file.write_text("\n".join(["payment,amount,reason", *lines]))
    return str(platform.json("refunds", "bulk", "plan", str(file))["id"]), Counter(made)


def effects(platform: RunningInstance) -> Counter[tuple[str, int]]:
    items = platform.json("refunds", "list", "--all")
    assert {item["state"] for item in items} == {"succeeded"}
    assert platform.json("ledger", "check")["state"] == "held"
    return Counter((item["payment_id"], item["amount"]["amount"]) for item in items)


@pytest.mark.prove("races", sample=True)
def test_two_commands_that_apply_one_plan_at_once_have_one_set_of_effects(platform: RunningInstance) -> None:
    plan, wanted = planned(platform)
    command = [RTP, "refunds", "bulk", "apply", plan, "--timeout", "90"]
    both = [subprocess.Popen(command, env=platform.environment(), stdout=subprocess.PIPE) for _ in range(2)]
    for one in both:
        with one:
            one.communicate(timeout=300)
    assert [one.returncode for one in both] == [0, 0]
    assert len(platform.json("sagas", "list")) == 1
    assert effects(platform) == wanted


def test_forty_requests_under_forty_keys_apply_one_plan_once(platform: RunningInstance) -> None:
    plan, wanted = planned(platform)

    def apply(number: int) -> tuple[int, str]:
        answer = httpx.post(
            f"{platform.url}/v1/refund-bulks/{plan}/apply",
            json={},
            headers={"Authorization": f"Bearer {platform.token}", "Idempotency-Key": f"k{number}"},
            timeout=60,
        )
        return answer.status_code, answer.json().get("saga_id", "")

    with ThreadPoolExecutor(40) as pool:
        answers = set(pool.map(apply, range(40)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 200
    platform.json("refunds", "bulk", "apply", plan, "--timeout", "90")
    assert effects(platform) == wanted
