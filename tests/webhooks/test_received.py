"""Webhooks of providers through the real application and database: what is taken, what it does, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import ids, signing, trace
from rtp.kit.clock import FixedClock
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderDispute
from rtp.permissions import LOCAL_OWNER
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import asgi, webhooks
from rtp.testing.servers import Cloned
from rtp.webhooks import received_jobs
from rtp.webhooks import received_policy as policy
from rtp_server.app import create_app
from rtp_server.schema_gate import SchemaGate
from rtp_server.worker import build_app
from tests.webhooks.conftest import Waiting

Show = Callable[[str], Awaitable[Any]]


async def rows(frames: Frames, table: str = "webhooks_received") -> int:
    async with frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        row = await frame.first(text(f"SELECT count(*) FROM {table}"))
    assert row is not None
    return int(row[0])


async def test_a_signed_event_is_kept_and_settles_its_payment_without_a_token(
    app: asgi.App, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.payment()
    told = webhooks.event(charge)
    async with asgi.client(app) as anybody:
        answer = await webhooks.post(anybody, told)
    assert answer.status_code == 200, answer.text
    taken = answer.json()
    assert taken["duplicate"] is False
    before = await show(f"webhooks/received/{taken['id']}")
    assert (before["state"], before["about"], before["event_id"]) == ("received", payment.id, told.id)
    await waiting.work()
    after = await show(f"webhooks/received/{told.id}")
    assert (after["state"], after["outcome"], after["attempts"]) == ("processed", "payment succeeded", 1)
    settled = await show(f"payments/{payment.id}")
    assert (settled["state"], settled["captured"]["amount"]) == ("succeeded", 10_000)
    [event] = (await show(f"events?aggregate={payment.id}&type=payment.succeeded"))["items"]
    assert event["metadata"]["causation_id"] == taken["id"]
    assert (await show("ledger/check"))["state"] == "held"


def altered() -> dict[str, Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]]]:
    other = signing.secret_of(b"a secret that nobody agreed upon")
    return {
        "no headers": lambda body, _: (body, {}),
        "one byte": lambda body, headers: (body.replace(b"succeeded", b"succeedeD", 1), headers),
        "a byte more": lambda body, headers: (body + b" ", headers),
        "another id": lambda body, headers: (body, headers | {"webhook-id": "evt_other"}),
        "another time": lambda body, headers: (
            body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
        ),
        "another secret": lambda body, _: webhooks.signed(body, secrets=[other], id="evt_x"),
        "another version": lambda body, headers: (
            body, headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v0,")}
        ),
        "an empty signature": lambda body, headers: (body, headers | {"webhook-signature": "v1,"}),
    }  # fmt: skip


@pytest.mark.parametrize("name", altered())
async def test_a_forged_message_is_refused_and_leaves_nothing_but_a_count(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, name: str
) -> None:
    _, charge = await waiting.payment()
    jobs = await rows(frames, "procrastinate_jobs")
    body, headers = altered()[name](*webhooks.signed(webhooks.event(charge)))
    before = await counted(api, "forged")
    answer = await api.post("/v1/webhooks/sandbox", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook_forged")
    assert await rows(frames) == 0
    assert await rows(frames, "procrastinate_jobs") == jobs
    assert await counted(api, "forged") == before + 1


async def counted(api: httpx.AsyncClient, result: str) -> float:
    name = f'webhooks_received_total{{provider="sandbox",result="{result}"}} '
    lines = (await api.get("/metrics")).text.splitlines()
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.parametrize("age, status", [(290, 200), (-290, 200), (310, 401), (-310, 401)])
async def test_a_message_is_taken_within_five_minutes_of_its_signature(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, age: float, status: int
) -> None:
    _, charge = await waiting.payment()
    answer = await webhooks.post(api, webhooks.event(charge), age=age)
    assert answer.status_code == status
    assert await rows(frames) == (1 if status == 200 else 0)
    assert answer.json().get("code") == (None if status == 200 else "webhook_stale")


async def test_the_secret_and_the_one_before_it_are_both_taken_and_no_third(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting
) -> None:
    _, charge = await waiting.payment()
    third = signing.secret_of(b"the secret before the one before")
    codes = [
        (await webhooks.post(api, webhooks.event(charge), secrets=[secret])).status_code
        for secret in (webhooks.SECRET, webhooks.OLD_SECRET, third)
    ]
    assert codes == [200, 200, 401]
    assert await rows(frames) == 2


async def test_an_unknown_provider_is_not_found_and_one_without_a_secret_is_asked_to_come_again(
    api: httpx.AsyncClient, settings: Settings, waiting: Waiting
) -> None:
    _, charge = await waiting.payment()
    answer = await webhooks.post(api, webhooks.event(charge), provider="nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook_provider_not_known")
    bare = msgspec.structs.replace(settings, provider_webhook_secret="", provider_webhook_secret_old="")
    made: Any = create_app(bare)
    async with asgi.started(made), asgi.client(made) as client:
        answer = await webhooks.post(client, webhooks.event(charge))
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_secret_missing")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("setting", ["provider_webhook_secret", "provider_webhook_secret_old"])
@pytest.mark.parametrize("secret", ["whsec_short", "whsec_not base64", "no secret at all"])
async def test_a_secret_that_cannot_sign_takes_nothing_and_is_not_shown(
    settings: Settings, waiting: Waiting, setting: str, secret: str
) -> None:
    _, charge = await waiting.payment()
    made: Any = create_app(msgspec.structs.replace(settings, **{setting: secret}))
    async with asgi.started(made), asgi.client(made) as client:
        answer = await webhooks.post(client, webhooks.event(charge))
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_secret_missing")
    assert "a signing secret" in answer.text
    assert secret not in answer.text


async def test_a_message_larger_than_any_event_is_refused_before_it_is_read(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    answer = await webhooks.post(api, b" " * 262_145)
    assert answer.status_code == 413
    assert await rows(frames) == 0


async def test_twenty_deliveries_at_once_keep_one_event_and_have_one_effect(
    api: httpx.AsyncClient, frames: Frames, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.payment()
    told = webhooks.event(charge)
    answers = await asyncio.gather(*(webhooks.post(api, told) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 19
    assert len({answer.json()["id"] for answer in answers}) == 1
    await waiting.work()
    assert (await webhooks.post(api, told)).json()["duplicate"] is True
    await waiting.work()
    sales = [entry for entry in (await show(f"ledger?source={payment.id}"))["items"] if entry["kind"] == "payment"]
    assert len({entry["transaction_id"] for entry in sales}) == 1
    assert (await show(f"webhooks/received/{told.id}"))["attempts"] == 1
    assert await rows(frames) == 1


async def test_an_event_whose_job_runs_twice_is_processed_once(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    _, charge = await waiting.payment()
    key = (await webhooks.post(api, webhooks.event(charge))).json()["id"]
    await webhooks.process(frames, provider, key)
    once = await show(f"webhooks/received/{key}")
    assert once["state"] == "processed"
    await asyncio.gather(*(webhooks.process(frames, provider, key) for _ in range(3)))
    assert await show(f"webhooks/received/{key}") == once


async def test_an_event_and_the_answer_of_the_call_meet_in_one_effect(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.payment()
    key = (await webhooks.post(api, webhooks.event(charge))).json()["id"]

    async def answered() -> None:
        async with waiting.writing() as frame:
            await payments.settle(frame, payment.id, charge)

    await asyncio.gather(webhooks.process(frames, provider, key), answered())
    assert (await show(f"webhooks/received/{key}"))["state"] == "processed"
    assert len((await show(f"events?aggregate={payment.id}&type=payment.succeeded"))["items"]) == 1
    assert (await show("ledger/check"))["state"] == "held"


async def test_a_dispute_is_taken_in_and_marks_its_payment(
    api: httpx.AsyncClient, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.captured()
    dispute = ProviderDispute(
        ref="dp_1", key=payment.id, charge_ref=charge.ref, amount=charge.amount, reason="fraudulent",
        state="needs_response", due_by=charge.created_at, created_at=charge.created_at,
    )  # fmt: skip
    told = webhooks.event(dispute, type="dispute.opened")
    assert (await webhooks.post(api, told)).status_code == 200
    await waiting.work()
    kept = await show(f"webhooks/received/{told.id}")
    assert (kept["state"], kept["outcome"]) == ("processed", "dispute needs_response")
    assert (await show(f"payments/{payment.id}"))["disputed"] is True


async def test_a_signed_message_that_is_no_event_is_taken_once_and_ignored(
    api: httpx.AsyncClient, frames: Frames, show: Show
) -> None:
    answers = [await webhooks.post(api, b'{"type": "customer.updated"}') for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    [kept] = (await show("webhooks/received"))["items"]
    assert (kept["state"], kept["type"]) == ("ignored", "unknown")
    assert kept["outcome"]
    assert await rows(frames) == 1


async def test_an_event_about_an_object_that_is_not_here_fails_with_a_reason_and_is_tried_again_ever_later(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    _, charge = await waiting.payment()
    elsewhere = msgspec.structs.replace(charge, key=ids.show("pay", ids.IdSource().uuid()))
    key = (await webhooks.post(api, webhooks.event(elsewhere))).json()["id"]
    waits = []
    for _ in policy.RETRY_AFTER:
        await webhooks.process(frames, provider, key)
        failed = await show(f"webhooks/received/{key}")
        assert (failed["state"], failed["error_code"]) == ("failed", "webhook_object_not_known")
        assert charge.ref in failed["error"]
        at = datetime.fromisoformat(failed["next_attempt_at"])
        waits.append((at - frames.clock.now()).total_seconds())
    assert waits == list(policy.RETRY_AFTER)
    await webhooks.process(frames, provider, key)
    given_up = await show(f"webhooks/received/{key}")
    assert (given_up["state"], given_up["next_attempt_at"]) == ("unmatched", None)
    for type in ("webhook.failed", "webhook.unmatched"):
        [told] = (await show(f"events?type={type}"))["items"]
        assert told["aggregate_id"] == key


async def test_an_event_about_what_was_made_by_hand_at_the_provider_is_left_to_reconciliation(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    """Its key was never one of ours, so no later attempt would find it either."""
    _, charge = await waiting.payment()
    elsewhere = msgspec.structs.replace(charge, key="made-by-hand-at-the-provider")
    key = (await webhooks.post(api, webhooks.event(elsewhere))).json()["id"]
    await webhooks.process(frames, provider, key)
    left = await show(f"webhooks/received/{key}")
    assert (left["state"], left["next_attempt_at"], left["attempts"]) == ("unmatched", None, 1)
    assert "reconciliation" in left["outcome"]
    again = await api.post(f"/v1/webhooks/received/{key}/retry")
    assert (again.status_code, again.json()["state"]) == (200, "received")


async def test_an_older_word_that_contradicts_what_is_settled_changes_nothing_after_the_provider_was_asked(
    api: httpx.AsyncClient, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.captured()
    older = msgspec.structs.replace(charge, state="failed", failure_reason="processing_error")
    await webhooks.post(api, told := webhooks.event(older))
    before = await show(f"payments/{payment.id}")
    await waiting.work()
    kept = await show(f"webhooks/received/{told.id}")
    assert (kept["state"], kept["outcome"]) == ("processed", "nothing new: the payment was succeeded")
    assert await show(f"payments/{payment.id}") == before


@pytest.mark.parametrize("differing", ["amount", "reference", "currency", "nothing there"])
async def test_no_event_overrules_what_was_settled_even_when_the_provider_insists(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting, differing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    payment, charge = await waiting.captured()
    changes: dict[str, Any] = {
        "amount": {"amount": charge.amount + charge.amount},
        "reference": {"ref": "ch_another"},
        "currency": {"amount": msgspec.structs.replace(charge.amount, currency="EUR")},
        "nothing there": {"ref": "ch_another"},
    }
    insisting = msgspec.structs.replace(charge, **changes[differing])

    async def insists(key: str) -> Any:
        return None if differing == "nothing there" else insisting

    monkeypatch.setattr(provider, "retrieve_charge_by_key", insists)
    key = (await webhooks.post(api, webhooks.event(insisting))).json()["id"]
    before = await show(f"payments/{payment.id}")
    await webhooks.process(frames, provider, key)
    failed = await show(f"webhooks/received/{key}")
    assert (failed["state"], failed["error_code"]) == ("failed", "webhook_contradicts")
    assert await show(f"payments/{payment.id}") == before


@pytest.mark.parametrize("noun", ["charge", "dispute"])
async def test_a_provider_that_does_not_have_the_payment_moves_nothing_of_it(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting, noun: str
) -> None:
    payment, charge = await waiting.payment()
    dispute = ProviderDispute(
        ref="dp_1", key=payment.id, charge_ref=charge.ref, amount=charge.amount, reason="fraudulent",
        state="needs_response", due_by=charge.created_at, created_at=charge.created_at,
    )  # fmt: skip
    async with waiting.writing() as frame:
        state = "state = 'succeeded', captured = amount" if noun == "dispute" else "state = 'submitted'"
        await frame.execute(text(f"UPDATE payments SET provider = 'bank', {state}"))
    before = await show(f"payments/{payment.id}")
    told = webhooks.event(charge) if noun == "charge" else webhooks.event(dispute, type="dispute.opened")
    key = (await webhooks.post(api, told)).json()["id"]
    await webhooks.process(frames, provider, key)
    failed = await show(f"webhooks/received/{key}")
    assert (failed["state"], failed["error_code"]) == ("failed", "webhook_contradicts")
    assert await show(f"payments/{payment.id}") == before


async def test_a_message_is_not_taken_by_a_server_whose_database_is_of_another_schema(
    app: Any, database: Cloned, frames: Frames, waiting: Waiting
) -> None:
    _, charge = await waiting.captured()
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    app.state.gate = SchemaGate(app.state.frames.database)  # that of a process that has just begun
    async with asgi.client(app) as anybody:
        answer = await webhooks.post(anybody, webhooks.event(charge))
    assert (answer.status_code, answer.json()["code"]) == (503, "schema_outdated")
    assert await rows(frames) == 0


async def test_the_attempts_at_one_event_are_made_one_after_another(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, waiting: Waiting
) -> None:
    _, charge = await waiting.captured()
    unknown = msgspec.structs.replace(charge, key="pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F")
    key = (await webhooks.post(api, webhooks.event(unknown))).json()["id"]
    await webhooks.process(frames, provider, key)
    async with waiting.writing() as frame:
        jobs = await frame.all(text("SELECT lock FROM procrastinate_jobs WHERE task_name = 'webhooks.process'"))
    assert [job.lock for job in jobs] == [key, key]


async def test_a_provider_that_cannot_be_asked_leaves_the_event_for_later(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    _, charge = await waiting.captured()
    older = msgspec.structs.replace(charge, state="failed")
    key = (await webhooks.post(api, webhooks.event(older))).json()["id"]
    await provider.steer(Control(down=True))
    await webhooks.process(frames, provider, key)
    assert (await show(f"webhooks/received/{key}"))["error_code"] == "provider_unavailable"
    await provider.steer(Control())
    await webhooks.process(frames, provider, key)
    assert (await show(f"webhooks/received/{key}"))["state"] == "processed"


async def test_retry_processes_what_failed_and_refuses_what_was_processed(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.captured()
    older = msgspec.structs.replace(charge, state="failed")
    key = (await webhooks.post(api, webhooks.event(older))).json()["id"]
    await provider.steer(Control(down=True))
    await webhooks.process(frames, provider, key)
    await provider.steer(Control())
    planned = await api.post(f"/v1/webhooks/received/{key}/retry", params={"dry_run": True})
    assert [ask["job"] for ask in planned.json()["jobs"]] == ["webhooks.process"]
    assert (await show(f"webhooks/received/{key}"))["state"] == "failed"
    answer = await api.post(f"/v1/webhooks/received/{key}/retry", params={"reason": "the provider is back"})
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (200, "received", 0)
    [audit] = (await show(f"audit?target={key}"))["items"][:1]
    assert audit["reason"] == "the provider is back"
    await waiting.work()
    assert (await show(f"webhooks/received/{key}"))["state"] == "processed"
    answer = await api.post(f"/v1/webhooks/received/{key}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "received_webhook_processed")
    assert (await show(f"payments/{payment.id}"))["state"] == "succeeded"


async def test_a_retry_does_not_wait_until_the_next_attempt_would_have_been(
    api: httpx.AsyncClient, settings: Settings, frames: Frames, clock: FixedClock, provider: FakeProvider, show: Show,
    waiting: Waiting,
) -> None:  # fmt: skip
    _, charge = await waiting.captured()
    clock.instant = datetime.now(UTC) + timedelta(days=1)  # the queue goes by the database's own
    older = msgspec.structs.replace(charge, state="failed")
    key = (await webhooks.post(api, webhooks.event(older))).json()["id"]
    await provider.steer(Control(down=True))
    async with build_app(settings, frames, {"provider": provider}, received_jobs.JOBS).open_async() as app:
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
        assert (await show(f"webhooks/received/{key}"))["state"] == "failed"
        await provider.steer(Control())
        assert (await api.post(f"/v1/webhooks/received/{key}/retry")).status_code == 200
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    assert (await show(f"webhooks/received/{key}"))["state"] == "processed"
    async with waiting.writing() as frame:
        assert await frame.all(text("SELECT 1 FROM procrastinate_jobs WHERE status = 'todo'")) == []


async def test_what_is_shown_of_a_message_holds_no_card_data_and_no_key_to_any_door(
    api: httpx.AsyncClient, show: Show
) -> None:
    body = b"""{"type": "card.updated", "card": {"number": "4242424242424242", "cvc": 123, "note": "was 4000 0566 5566
        5556"}, "pan_as_number": 5555555555554444, "order": 4242424242424241, "cards": ["378282246310005"]}"""
    sent, headers = webhooks.signed(b" ".join(body.split()))
    secrets = {"Cookie": "a=b", "X-Trace": "seen 4242424242424242"}
    answer = await api.post("/v1/webhooks/sandbox", content=sent, headers=headers | secrets)
    shown = await show(f"webhooks/received/{answer.json()['id']}")
    assert shown["body"] == {
        "type": "card.updated",
        "card": {"number": "****", "cvc": "****", "note": "was ****5556"},
        "pan_as_number": "****4444",
        "order": 4242424242424241,
        "cards": ["****0005"],
    }
    assert "cookie" not in shown["headers"]
    assert shown["headers"]["x-trace"] == "seen ****4242"
    assert shown["headers"]["webhook-id"] == headers["webhook-id"]


async def test_the_list_is_filtered_by_state_type_provider_and_object(
    api: httpx.AsyncClient, show: Show, waiting: Waiting
) -> None:
    payment, charge = await waiting.payment()
    declined, refusal = await waiting.payment(card="declined")
    for told in (charge, refusal):
        await webhooks.post(api, webhooks.event(told))
    await waiting.work()
    refund, made = await waiting.refund(msgspec.structs.replace(payment, provider_ref=charge.ref), amount=1000)
    await webhooks.post(api, webhooks.event(made))

    async def found(query: str) -> list[str]:
        return [item["about"] for item in (await show(f"webhooks/received?{query}"))["items"]]

    assert await found("") == [refund.id, declined.id, payment.id]
    assert await found("state=received") == [refund.id]
    assert await found("type=charge.*") == [declined.id, payment.id]
    assert await found("type=charge.failed") == [declined.id]
    assert await found(f"about={payment.id}") == [payment.id]
    assert await found("provider=sandbox&limit=1") == [refund.id]
    assert await found("provider=stripe") == []
    assert await found("until=1h") == []
