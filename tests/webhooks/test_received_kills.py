"""Webhooks that the real sandbox sends to a real platform, whose processes are killed under way: one effect each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtp.payments import http_provider
from rtp.payments.ports import ProviderCharge
from rtp.settings import load
from rtp.testing import webhooks
from rtp.testing.instance import RunningInstance, running
from rtp.testing.kills import PRICE, kill, pid_of, replaced, stock
from rtp.testing.waiting import eventually


def subscribed(platform: RunningInstance, count: int, card: str = "visa") -> list[str]:
    """Members with a subscription that is asked for, by e-mail."""
    stock(platform)
    emails = [f"member-{number}@example.com" for number in range(count)]
    for email in emails:
        platform.json("users", "create", email, "--name", "Member")
        made = platform("subscriptions", "create", email, "--price", PRICE, "--card", card, "--no-wait")
        assert made.returncode == 0, made.stderr
    return emails


def received(platform: RunningInstance, *filters: str) -> list[dict[str, Any]]:
    """The received events; an API that is just away has none to show."""
    done = platform("webhooks", "received", "list", "--limit", "200", *filters, "-o", "json")
    return list(json.loads(done.stdout)) if done.returncode == 0 else []


def told(platform: RunningInstance, count: int) -> list[dict[str, Any]]:
    """The charges' events, once each of them was processed."""

    def all_processed() -> list[dict[str, Any]]:
        kept = received(platform, "--type", "charge.succeeded")
        return kept if len(kept) == count and {item["state"] for item in kept} == {"processed"} else []

    return list(eventually(f"{count} events were processed", all_processed))


def one_effect_each(platform: RunningInstance, emails: list[str]) -> None:
    """Each member's charge succeeded once, its subscription is active, and the books are even."""
    kept = told(platform, len(emails))
    payments = [platform.json("payments", "list", "--user", email) for email in emails]
    assert sorted(item["about"] for item in kept) == sorted(found[0]["id"] for found in payments)
    assert [len(found) for found in payments] == [1] * len(emails)
    events = platform.json("events", "list", "--type", "payment.succeeded", "--limit", "200")
    assert len(events) == len(emails)
    subscriptions = platform.json("subscriptions", "list", "--limit", "200")
    assert {item["status"] for item in subscriptions} == {"active"}
    assert platform.json("ledger", "check")["state"] == "held"


@pytest.mark.prove("kills", sample=True)
@pytest.mark.parametrize("place", ["webhook.before_commit", "webhook.after_commit"])
def test_the_api_killed_around_keeping_an_event_is_told_again_and_each_event_has_one_effect(
    tmp_path: Path, place: str
) -> None:
    with running(tmp_path, RTP_FAILPOINT=f"{place}:3") as platform:
        first = pid_of(platform, "api")
        emails = subscribed(platform, 7)
        replaced(platform, "api", first)
        one_effect_each(platform, emails)


@pytest.mark.prove("kills")
def test_workers_and_apis_killed_while_events_come_in_lose_none_and_do_none_twice(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        emails = subscribed(platform, 5)
        for service in ("worker", "api", "provider"):
            kill(platform, service, wait=False)
        one_effect_each(platform, emails)


@pytest.mark.prove("kills")
def test_an_event_that_comes_while_its_answer_was_lost_settles_the_payment(tmp_path: Path) -> None:
    """The card whose answer never comes: without the webhook its payment would wait for the next question."""
    with running(tmp_path) as platform:
        emails = subscribed(platform, 1, card="times-out-after-success")
        [kept] = told(platform, 1)
        assert kept["outcome"] == "payment succeeded"
        one_effect_each(platform, emails)


@pytest.mark.prove("kills")
def test_anybody_may_knock_and_only_the_provider_is_let_in(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        emails = subscribed(platform, 1)
        [kept] = told(platform, 1)
        whole = platform.json("webhooks", "received", "show", kept["id"])
        charge = msgspec.convert(whole["body"]["subject"], ProviderCharge)
        again = webhooks.event(charge, id=kept["event_id"])
        settings = load({"RTP_HOME": str(platform.home)})
        known = http_provider.webhook_secret(settings)
        url = f"{platform.url}/v1/webhooks/sandbox"
        body, headers = webhooks.signed(again, secrets=[known])
        answer = httpx.post(url, content=body, headers=headers)
        assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
        body, headers = webhooks.signed(webhooks.event(charge))
        answer = httpx.post(url, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook_forged")
        one_effect_each(platform, emails)
