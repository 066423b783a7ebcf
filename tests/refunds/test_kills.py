"""Refunds on a real platform whose processes are killed under way: nothing twice, nothing lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rtp.kit import failpoints
from rtp.payments import http_provider
from rtp.payments.ports import ProviderRefund
from rtp.settings import load
from rtp.testing.instance import RunningInstance, running
from rtp.testing.kills import PRICE, kill, pid_of, replaced, send_until_answered, stock
from rtp.testing.waiting import eventually
from tests.reconciliation import test_late_kills as found
from tests.webhooks import test_late_kills as told
from tests.webhooks import test_sent_kills as deliveries

UNDER_WAY = {"created", "submitted", "pending", "unknown"}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    with running(tmp_path) as started:
        yield started


def paid(platform: RunningInstance) -> str:
    """A captured payment of 100.00."""
    stock(platform)
    platform.json("users", "create", "ada@example.com", "--name", "Ada")
    made = platform("subscriptions", "create", "ada@example.com", "--price", PRICE, "--card", "visa")
    assert made.returncode == 0, made.stderr
    [payment] = platform.json("payments", "list", "--user", "ada@example.com")
    assert (payment["state"], payment["captured"]["amount"]) == ("succeeded", 10_000)
    return str(payment["id"])


def issue(platform: RunningInstance, payment: str, number: int) -> str:
    """Send one meant refund of 10.00 under its own key until it is answered; the answer's code, or `taken`."""
    body = {"amount": 1000, "reason": "duplicate", "again": True}
    answer = send_until_answered(platform, f"/v1/payments/{payment}/refunds", f"k{number}", body)
    return "taken" if answer.status_code == 201 else str(answer.json()["code"])


def settled(platform: RunningInstance) -> list[dict[str, Any]]:
    def all_settled() -> Any:
        refunds = platform.json("refunds", "list", "--limit", "200")
        return [] if any(item["state"] in UNDER_WAY for item in refunds) else refunds

    return list(eventually("every refund is settled", all_settled))


def provider_refunds(platform: RunningInstance) -> list[ProviderRefund]:
    """The provider's own record, once the provider is back: our refunds may settle while it is being started anew."""
    eventually("the provider answers", lambda: platform("sandbox", "show").returncode == 0)
    url = (platform.home / "data" / "sandbox" / "url").read_text().strip()
    settings = load({"RTP_HOME": str(platform.home), "RTP_PROVIDER_URL": url})

    async def ask() -> list[ProviderRefund]:
        provider = http_provider.connect(settings)
        try:
            return await provider.list_refunds(datetime(2020, 1, 1, tzinfo=UTC))
        finally:
            await provider.close()

    return asyncio.run(ask())


def money_holds(platform: RunningInstance) -> None:
    """The ledger holds, and so does every rule about money, each of them judged once the services are back."""
    assert platform.json("ledger", "check")["state"] == "held"

    def every_rule_holds() -> bool:
        report = json.loads(platform("doctor", "money", "-o", "json").stdout or "{}")
        states = {check["state"] for check in report.get("checks", [])}
        return states == {"ok"}

    eventually("every rule of `rtp doctor money` holds", every_rule_holds)


def agree(platform: RunningInstance) -> None:
    """Ten refunds succeeded, the provider's record equals ours, the ledger holds, and every rule about money does."""
    ours = settled(platform)
    assert [item["state"] for item in ours] == ["succeeded"] * 10
    theirs = provider_refunds(platform)
    assert sorted((item.key, item.amount.amount) for item in theirs) == sorted(
        (item["id"], item["amount"]["amount"]) for item in ours
    )
    money_holds(platform)


@pytest.mark.prove("kills", sample=True)
@pytest.mark.parametrize("service", ["worker", "provider"])
def test_a_service_killed_five_times_under_one_hundred_refunds_does_nothing_twice_and_loses_nothing(
    platform: RunningInstance, service: str
) -> None:
    payment = paid(platform)
    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = [pool.submit(issue, platform, payment, number) for number in range(100)]
        for _ in range(5):
            kill(platform, service)
        codes = [answer.result() for answer in answers]
    assert codes.count("taken") == 10
    assert set(codes) == {"taken", "refund_exceeds_captured"}
    agree(platform)


@pytest.mark.prove("kills")
def test_the_api_killed_under_one_hundred_refunds_answers_each_key_once(platform: RunningInstance) -> None:
    payment = paid(platform)
    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = [pool.submit(issue, platform, payment, number) for number in range(100)]
        kill(platform, "api")
        codes = [answer.result() for answer in answers]
    assert codes.count("taken") == 10
    agree(platform)


PLACES = {
    "api.before_commit": ("api", 4),
    "api.after_commit": ("api", 4),
    "job.before_submit": ("worker", 4),
    "job.before_provider": ("worker", 4),
    "job.after_provider": ("worker", 4),
    "job.before_commit": ("worker", 4),
    "job.after_commit": ("worker", 6),
    "relay.before_delivery": ("worker", 5),
    "relay.after_delivery": ("worker", 5),
    "relay.after_commit": ("worker", 5),
    "sandbox.before_journal": ("provider", 12),
    "sandbox.after_journal": ("provider", 12),
    "webhook.before_commit": ("api", 6),
    "webhook.after_commit": ("api", 6),
}
"""Every place between the command and the settled refund: whose process dies, and each how manieth time it comes by."""


def test_every_failpoint_is_a_place_of_some_proof() -> None:
    bulks = {"saga.before_step", "saga.after_step", "saga.after_transition", "bulk.in_chunk"}  # test_bulk_kills.py
    late = {*told.PLACES, *found.PLACES}  # test_late_kills.py of webhooks and of reconciliation
    assert PLACES.keys() | bulks | deliveries.PLACES.keys() | late == failpoints.NAMES


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=pytest.mark.prove("kills", sample=place == "job.after_provider")) for place in PLACES],
)
def test_ten_refunds_end_alike_wherever_a_process_is_killed_again_and_again(tmp_path: Path, place: str) -> None:
    service, nth = PLACES[place]
    with running(tmp_path, RTP_FAILPOINT=f"{place}:{nth}") as platform:
        first = eventually(f"{service} runs", lambda: pid_of(platform, service))
        payment = paid(platform)
        with ThreadPoolExecutor(max_workers=10) as pool:
            codes = list(pool.map(lambda number: issue(platform, payment, number), range(10)))
        assert codes == ["taken"] * 10
        replaced(platform, service, first)
        agree(platform)


@pytest.mark.prove("kills", sample=True)
def test_a_command_whose_connection_dies_after_the_commit_exits_9_and_its_retry_prints_the_same_refund(
    tmp_path: Path,
) -> None:
    with running(tmp_path, RTP_FAILPOINT="api.after_commit:4") as platform:
        payment = paid(platform)
        lost = platform("refunds", "issue", payment, "--amount", "25.00", "--reason", "duplicate", "-o", "json")
        assert lost.returncode == 9, (lost.stdout, lost.stderr)
        assert lost.stdout == ""
        found = re.search(r"rtp retry (op_[0-9A-Z]{26})", lost.stderr)
        assert found is not None, lost.stderr
        eventually("the API is back", lambda: platform("status").returncode == 0)
        again = platform("retry", found[1], "-o", "json")
        assert again.returncode == 0, again.stderr
        assert "Replayed" in again.stderr
        refund = json.loads(again.stdout)
        eventually("it is settled", lambda: platform.json("refunds", "show", refund["id"])["state"] == "succeeded")
        assert [item["id"] for item in platform.json("refunds", "list")] == [refund["id"]]
        assert [item.key for item in provider_refunds(platform)] == [refund["id"]]
        money_holds(platform)
