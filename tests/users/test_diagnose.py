"""A break planted at each link between the provider and the access: it is named first, with the command that mends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import structs

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import webhooks
from rtp.users import diagnose
from rtp.users.schemas import Diagnosis
from tests.disputes.objections import Objections
from tests.refunds.desk import ADA, CATALOG, Forgetful

LATER = timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, provider_webhook_secret=webhooks.SECRET)


@pytest.fixture
async def desk(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Objections]:
    async with Objections.opened(api, app, frames) as opened:
        yield opened


async def diagnosis(desk: Objections, provider: FakeProvider | None = None) -> Diagnosis:
    about: dict[str, Any] = {"operation": "users.diagnose", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with desk.frames.reading(**about) as frame:
        user, known = await diagnose.gather(frame, ADA)
    return diagnose.judge(user, await diagnose.ask(provider or desk.provider, known))


async def asked(desk: Objections) -> dict[str, Any]:
    """A subscription whose payment was not sent yet."""
    await desk.api.put("/v1/catalog", json=CATALOG)
    await desk.api.post("/v1/users", json={"email": ADA, "name": "Ada"})
    body = {"user": ADA, "price": "room-monthly", "card": "visa"}
    made = await desk.api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "subscribe"})
    assert made.status_code == 201, made.text
    return dict(made.json())


def states(found: Diagnosis) -> dict[str, str]:
    return {link.name: link.state for link in found.chains[0].links}


async def test_a_whole_chain_is_ok_link_by_link(desk: Objections) -> None:
    await desk.subscribed()
    found = await diagnosis(desk)
    assert (found.state, found.broken, found.command) == ("ok", None, "")
    assert states(found) == dict.fromkeys(("provider", "webhook", "payment", "subscription", "entitlement"), "ok")


async def provider_declined(desk: Objections) -> str:
    desk.provider.book.steer(Control(decline="expired_card"))
    subscription = await asked(desk)
    await desk.take_in(subscription["id"])
    return f"rtp subscriptions renew {subscription['id']} --card CARD"


async def provider_without_it(desk: Objections) -> str:
    await desk.subscribed()
    desk.provider = Forgetful(desk.clock)
    return "rtp reconcile run --dry-run"


async def charged_unheard(desk: Objections) -> dict[str, Any]:
    """The provider took the money; its answer was lost, and nobody asks again."""
    subscription = await asked(desk)
    payment = await desk.read(f"payments/{subscription['payment_id']}")
    card = await desk.provider.tokenize("visa")
    from rtp.kit.money import Money

    await desk.provider.charge(payment["id"], Money(10_000, "USD"), card.ref, payment["purpose"])
    await desk.sql("UPDATE payments SET state = 'unknown'")
    await desk.sql("DELETE FROM procrastinate_jobs")
    return subscription


async def webhook_lost(desk: Objections) -> str:
    await charged_unheard(desk)
    desk.clock.instant += LATER
    return "rtp reconcile run --dry-run"


async def webhook_failed(desk: Objections) -> str:
    await charged_unheard(desk)
    [event] = [one for one in desk.provider.events() if one.type == "charge.succeeded"]
    key = (await desk.post(event)).json()["id"]
    await desk.sql("DELETE FROM procrastinate_jobs")
    await desk.sql("UPDATE webhooks_received SET state = 'failed', error = 'a defect', error_code = 'unexpected'")
    desk.clock.instant += LATER
    return f"rtp webhooks received retry {key}"


async def payment_stuck(desk: Objections) -> str:
    await charged_unheard(desk)
    [event] = [one for one in desk.provider.events() if one.type == "charge.succeeded"]
    await desk.post(event)
    await desk.sql("UPDATE webhooks_received SET state = 'ignored', outcome = 'by hand'")
    await desk.sql("UPDATE procrastinate_jobs SET status = 'failed', task_name = 'payments.reconcile'")
    payment = (await desk.read("payments"))["items"][0]["id"]
    await desk.sql("UPDATE procrastinate_jobs SET args = jsonb_build_object('payment', CAST(:id AS text))", id=payment)
    desk.clock.instant += LATER
    [job] = (await desk.read("jobs"))["items"]
    return f"rtp jobs retry {job['id']}"


async def subscription_unheard(desk: Objections) -> str:
    await asked(desk)
    await desk.work()
    desk.clock.instant += LATER
    return "rtp doctor"


async def subscription_paused(desk: Objections) -> str:
    subscription, _ = await desk.subscribed()
    await desk.do(f"subscriptions/{subscription['id']}/pause")
    return f"rtp subscriptions resume {subscription['id']}"


async def entitlement_revoked(desk: Objections) -> str:
    subscription, payment = await desk.subscribed()
    await desk.refunded(payment, revoke_access=True)
    return f"rtp subscriptions renew {subscription['id']}"


async def entitlement_closed_by_hand(desk: Objections) -> str:
    await desk.subscribed()
    await desk.sql("UPDATE entitlements SET open = false, why = 'unpaid'")
    return f"rtp entitlements show {(await desk.access())['id']}"


async def member_suspended(desk: Objections) -> str:
    await desk.subscribed()
    await desk.do(f"users/{ADA}/suspend")
    return f"rtp users restore {ADA}"


BREAKS: list[tuple[str, Callable[[Objections], Awaitable[str]]]] = [
    ("provider", provider_declined),
    ("provider", provider_without_it),
    ("webhook", webhook_lost),
    ("webhook", webhook_failed),
    ("payment", payment_stuck),
    ("subscription", subscription_unheard),
    ("subscription", subscription_paused),
    ("entitlement", entitlement_revoked),
    ("entitlement", entitlement_closed_by_hand),
    ("entitlement", member_suspended),
]


@pytest.mark.parametrize("link, planting", BREAKS, ids=lambda one: getattr(one, "__name__", one))
async def test_the_first_link_that_broke_is_named_with_the_command_that_mends_it(
    desk: Objections, link: str, planting: Callable[[Objections], Awaitable[str]]
) -> None:
    command = await planting(desk)
    desk.clock.instant += timedelta(minutes=11) if planting is provider_without_it else timedelta()
    found = await diagnosis(desk)
    assert (found.state, found.broken, found.command) == ("broken", link, command)
    links = [one.name for one in found.chains[0].links]
    before = links[: links.index(found.broken or "provider")]
    assert {states(found)[name] for name in before} <= {"ok"}


async def test_a_provider_that_does_not_answer_leaves_its_link_unknown(desk: Objections) -> None:
    await desk.subscribed()
    desk.provider.book.steer(Control(down=True))
    found = await diagnosis(desk)
    assert (found.state, found.broken, states(found)["provider"]) == ("unknown", None, "unknown")
    assert (states(found)["payment"], states(found)["entitlement"]) == ("ok", "ok")


async def test_a_charge_that_waits_for_the_member_says_so(desk: Objections) -> None:
    made = await asked(desk)
    desk.provider.book.steer(Control(charges_pending=True))
    await desk.work()
    charge = desk.provider.book.record.charges[made["payment_id"]]
    waits = structs.replace(charge.charge, failure_reason="requires_action")
    desk.provider.book.record.charges[made["payment_id"]] = structs.replace(charge, charge=waits)
    found = await diagnosis(desk)
    assert (found.state, found.broken) == ("broken", "provider")
    assert found.chains[0].links[0].what == "it waits: the member must act first, as the provider asked them to"
    assert found.command == f"rtp payments show {made['payment_id']}"


async def test_a_payment_that_is_on_its_way_is_not_called_broken(desk: Objections) -> None:
    await asked(desk)
    found = await diagnosis(desk)
    assert (states(found)["provider"], states(found)["payment"]) == ("unknown", "unknown")


async def test_who_never_subscribed_is_told_so(desk: Objections) -> None:
    await desk.api.post("/v1/users", json={"email": ADA, "name": "Ada"})
    found = await diagnosis(desk)
    assert (found.broken, found.chains[0].links[0].what) == (
        "subscription", "the member never subscribed to anything"
    )  # fmt: skip


async def test_the_route_answers_also_where_no_provider_is_set(desk: Objections) -> None:
    await desk.subscribed()
    found = await desk.read(f"users/{ADA}/diagnosis")
    assert found["state"] == "unknown"
    assert "could not be asked" in found["chains"][0]["links"][0]["what"]
