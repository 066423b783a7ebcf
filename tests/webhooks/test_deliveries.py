"""Deliveries through the real database and real connections: once for each, on schedule, signed, kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from rtp.kit import signing, signing_v1a
from rtp.kit.clock import FixedClock
from rtp.webhooks import endpoints, schedule, sent_jobs
from rtp.webhooks.schemas import RotateSecret
from tests.webhooks.receivers import Receiver
from tests.webhooks.sent import Post


async def test_an_event_reaches_the_endpoints_that_want_it_signed_and_whole(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url, "refund.*", "user.created")
    await post.happen("refund.succeeded", "rfd_1", amount={"amount": 2500, "currency": "USD"})
    await post.happen("payment.succeeded")
    await post.relay()
    assert await post.send() == 1
    [request] = receiver.requests
    assert signing.verify([made.secret], request.headers, request.body, clock.now()) == request.headers["webhook-id"]
    message = json.loads(request.body)
    assert message == {
        "id": request.headers["webhook-id"],
        "type": "refund.succeeded",
        "timestamp": "2026-03-02T14:30:00Z",
        "data": {"id": "rfd_1", "version": 1, "object": {"amount": {"amount": 2500, "currency": "USD"}}},
    }
    assert request.headers["content-type"] == "application/json"
    [delivery] = await post.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("succeeded", 1, 200)
    assert delivery["event_id"] == message["id"]


async def test_each_event_makes_one_delivery_for_an_endpoint_however_often_it_is_relayed(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url)
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    async with post.frames.database.writing() as connection:
        await connection.execute(text("UPDATE relay_cursors SET xid = 0, seq = 0"))
        await connection.commit()
    await post.relay()
    assert await post.send() == 2
    assert len(await post.deliveries()) == 2


async def test_events_of_our_own_operation_and_notes_of_support_never_leave(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url, "*")
    for type in ("staff.created", "token.created", "job.retried", "user.noted", "cache.purged"):
        await post.happen(type)
    await post.relay()
    assert await post.deliveries() == []


async def test_no_card_and_no_secret_leaves_however_deep_it_lies(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url)
    card = {"brand": "visa", "last_four": "4242", "card": "visa", "provider_ref": "pm_x", "state": "active"}
    await post.happen("payment_method.added", "pm_1", methods=[card], token="t", secret="s")
    await post.relay()
    await post.send()
    assert json.loads(receiver.requests[0].body)["data"]["object"] == {"methods": [{"state": "active"}]}


async def test_events_from_before_an_endpoint_was_made_do_not_go_there(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    await post.happen("user.created", "usr_early")
    clock.instant += timedelta(seconds=1)
    await post.endpoint(receiver.url)
    await post.happen("user.created", "usr_late")
    await post.relay()
    await post.send()
    assert [json.loads(one.body)["data"]["id"] for one in receiver.requests] == ["usr_late"]


async def test_a_failed_message_is_tried_on_the_published_schedule_and_then_given_up(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    receiver.says(503, b"not now")
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    begun, waits = clock.instant, []
    for planned in (*schedule.WAITS, None):
        assert await post.send() == 1
        assert await post.send() == 0
        at = await post.next_at()
        if planned is None:
            assert at is None
            continue
        assert at is not None
        wait = (at - clock.instant).total_seconds()
        assert planned <= wait <= planned * 1.1
        waits.append(wait)
        clock.instant = at
    assert len(receiver.requests) == 10
    assert len({one.headers["webhook-id"] for one in receiver.requests}) == 1
    assert len({one.body for one in receiver.requests}) == 1
    assert sum(waits) <= schedule.OFFSETS[-1] * 1.1
    [delivery] = await post.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["next_attempt_at"]) == ("failed", 10, None)
    shown = await post.get(f"webhooks/deliveries/{delivery['id']}")
    assert [one["number"] for one in shown["log"]] == list(range(1, 11))
    assert {(one["status"], one["answer"], one["error"]) for one in shown["log"]} == {
        (503, "not now", "it answered 503")
    }
    assert clock.instant - begun >= schedule.GIVE_UP_AFTER
    [endpoint] = (await post.get("webhooks/endpoints"))["items"]
    assert endpoint["state"] == "disabled"
    assert endpoint["disabled_reason"] == "it took nothing since 2026-03-02 14:30 UTC"
    types = [one["type"] for one in (await post.get("events"))["items"]]
    assert "webhook_endpoint.disabled" in types


async def test_an_endpoint_that_takes_something_in_between_is_not_given_up(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    receiver.says(500)
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [endpoint] = (await post.get("webhooks/endpoints"))["items"]
    assert (endpoint["failures"], endpoint["failing_since"]) == (1, "2026-03-02T14:30:00Z")
    receiver.says(200)
    clock.instant += timedelta(days=4)
    assert await post.send() == 1
    [endpoint] = (await post.get("webhooks/endpoints"))["items"]
    assert (endpoint["state"], endpoint["failures"], endpoint["failing_since"]) == ("enabled", 0, None)


async def test_410_disables_at_once_and_what_was_on_its_way_is_canceled(post: Post, receiver: Receiver) -> None:
    receiver.says(410)
    await post.endpoint(receiver.url)
    await post.happen("user.created", "usr_1")
    await post.happen("user.created", "usr_2")
    await post.relay()
    assert await post.send() == 2
    assert len(receiver.requests) == 1
    ended = {one["state"]: one["last_error"] for one in await post.deliveries()}
    assert ended == {"failed": "it answered 410", "canceled": "its endpoint is disabled"}
    [endpoint] = (await post.get("webhooks/endpoints"))["items"]
    assert (endpoint["state"], endpoint["disabled_reason"]) == ("disabled", "it answered 410 Gone")
    await post.happen("user.created", "usr_3")
    await post.relay()
    assert len(await post.deliveries()) == 2


async def test_a_job_that_runs_twice_notes_its_attempt_once(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    [delivery] = await post.deliveries()
    for _ in range(2):
        await sent_jobs.send(post.context(), delivery["id"], 1, 1)
    shown = await post.get(f"webhooks/deliveries/{delivery['id']}")
    assert (shown["attempts"], len(shown["log"]), len(receiver.requests)) == (1, 1, 1)


async def test_a_rotated_secret_signs_beside_the_old_one_until_the_overlap_ends(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url)
    begun = clock.instant
    new = (await post.write(endpoints.rotate, made.id, RotateSecret(overlap=24))).secret
    assert new not in ("", made.secret)
    for hours, old_signs in ((0, True), (23, True), (25, False)):
        clock.instant = begun + timedelta(hours=hours)
        await post.happen("user.created", f"usr_{hours}")
        await post.relay()
        await post.send()
        request = receiver.requests[-1]
        assert signing.verify([new], request.headers, request.body, clock.now())
        assert (len(request.headers["webhook-signature"].split()) == 2) is old_signs
        if old_signs:
            assert signing.verify([made.secret], request.headers, request.body, clock.now())
        else:
            with pytest.raises(signing.Forged):
                signing.verify([made.secret], request.headers, request.body, clock.now())


async def test_a_secret_that_signs_no_more_is_not_kept_either(post: Post, receiver: Receiver) -> None:
    async def kept() -> int:
        async with post.frames.database.reading() as connection:
            return int((await connection.execute(text("SELECT count(*) FROM webhooks_secrets"))).scalar_one())

    made = await post.endpoint(receiver.url)
    await post.write(endpoints.rotate, made.id, RotateSecret(overlap=24))
    assert await kept() == 2
    await post.write(endpoints.rotate, made.id, RotateSecret(overlap=0))
    assert await kept() == 1, "a leaked one is to be gone at once"
    await post.write(endpoints.delete, made.id)
    assert await kept() == 0


async def test_plain_http_to_this_machine_that_dev_allowed_is_not_sent_elsewhere(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    post.frames.premises = replace(post.frames.premises, environment="prod")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    assert (delivery["last_error"], receiver.connections) == ("refused: only https goes out", 0)


async def test_what_a_receiver_answers_is_kept_as_text_that_does_nothing(post: Post, receiver: Receiver) -> None:
    receiver.says(200, b"\x1b[31mred\x00")
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    [tried] = (await post.get(f"webhooks/deliveries/{delivery['id']}"))["log"]
    assert tried["answer"] == "\\x1b[31mred\\x00"


async def test_what_was_brought_is_forgotten_after_thirty_days_and_what_still_waits_is_not(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    receiver.says(500)
    await post.happen("user.updated")
    await post.relay()
    await post.send()
    clock.instant = datetime.now(UTC) + timedelta(days=29)  # ids take the real clock
    await sent_jobs.sweep(post.context())
    assert [one["state"] for one in await post.deliveries()] == ["succeeded", "pending"]
    clock.instant += timedelta(days=2)
    await sent_jobs.sweep(post.context())
    assert [one["state"] for one in await post.deliveries()] == ["pending"]


async def test_v1a_is_checked_with_the_public_key_alone(post: Post, receiver: Receiver, clock: FixedClock) -> None:
    made = await post.endpoint(receiver.url, signing="v1a")
    assert made.secret == made.keys[0].public_key
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [request] = receiver.requests
    assert signing_v1a.verify([made.secret], request.headers, request.body, clock.now())


async def test_a_secret_that_another_key_sealed_is_told_in_the_log_and_nothing_is_sent(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url)
    async with post.frames.database.writing() as connection:
        await connection.execute(text("UPDATE webhooks_secrets SET sealed = sealed || 'x'::bytea"))
        await connection.commit()
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    assert "sealed with another key" in delivery["last_error"]
    assert receiver.requests == []


async def test_a_secret_opens_only_for_the_endpoint_that_it_was_sealed_for(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url)
    await post.endpoint(receiver.url, "refund.*")
    async with post.frames.database.writing() as connection:
        given = "SELECT sealed FROM webhooks_secrets ORDER BY id LIMIT 1"
        await connection.execute(text(f"UPDATE webhooks_secrets SET sealed = ({given})"))
        await connection.commit()
    await post.happen("refund.succeeded", "rfd_1")
    await post.relay()
    await post.send()
    first, second = sorted(await post.deliveries(), key=lambda one: str(one["last_error"]))
    assert (first["state"], len(receiver.requests)) == ("succeeded", 1)
    assert "sealed with another key" in second["last_error"]


async def test_an_endpoint_that_is_enabled_gets_what_happens_from_then_on(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url)
    await post.write(endpoints.disable, made.id)
    clock.instant += timedelta(minutes=1)
    await post.happen("user.created", "usr_before")
    clock.instant += timedelta(minutes=1)
    await post.write(endpoints.enable, made.id)
    await post.happen("user.created", "usr_after")
    await post.relay()
    assert await post.send() == 1
    assert json.loads(receiver.requests[0].body)["data"]["id"] == "usr_after"


async def test_a_full_endpoint_is_looked_at_again_later_without_an_attempt(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    post.sender._busy[made.id] = 100
    assert await post.send() == 1
    assert await post.next_at() == clock.instant + timedelta(seconds=5)
    clock.instant += timedelta(seconds=5)
    assert await post.send() == 1
    assert await post.next_at() == clock.instant + timedelta(seconds=15)
    del post.sender._busy[made.id]
    clock.instant += timedelta(seconds=15)
    assert await post.send() == 1
    [delivery] = await post.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("succeeded", 1)


async def test_a_delivery_whose_job_was_lost_is_found_and_brought(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    async with post.frames.database.writing() as connection:
        await connection.execute(text("DELETE FROM procrastinate_jobs"))
        await connection.commit()
    clock.instant += timedelta(minutes=59)
    await sent_jobs.sweep(post.context())
    assert await post.send() == 0
    clock.instant += timedelta(minutes=2)
    await sent_jobs.sweep(post.context())
    await sent_jobs.sweep(post.context())
    assert await post.send() == 1
    assert len(receiver.requests) == 1


async def test_a_delivery_that_waits_for_long_is_not_queued_twice(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    clock.instant += timedelta(hours=2)  # no worker ran
    await sent_jobs.sweep(post.context())
    post.sender._busy[made.id] = 100
    assert await post.send() == 1
    for _ in range(15):
        clock.instant += timedelta(minutes=10)
        await sent_jobs.sweep(post.context())
        assert await post.send() == 1
    del post.sender._busy[made.id]
    clock.instant += timedelta(minutes=10)
    assert await post.send() == 1
    assert len(receiver.requests) == 1


async def test_what_lost_its_job_is_found_behind_much_that_waits_for_long(
    post: Post, receiver: Receiver, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_jobs, "LOST", 2)
    await post.endpoint(receiver.url)
    for number in range(7):
        await post.happen("user.created", f"usr_{number}")
    await post.relay()
    async with post.frames.database.writing() as connection:
        await connection.execute(
            text("DELETE FROM procrastinate_jobs WHERE id = (SELECT max(id) FROM procrastinate_jobs)")
        )
        await connection.commit()
    clock.instant += timedelta(hours=2)
    await sent_jobs.sweep(post.context())
    assert await post.send() == 7
    assert len(receiver.requests) == 7


async def test_a_deleted_endpoint_gets_nothing_more_and_is_cleared_away(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    assert (await post.api.delete(f"/v1/webhooks/endpoints/{made.id}")).status_code == 200
    assert (await post.api.get(f"/v1/webhooks/endpoints/{made.id}")).status_code == 404
    await post.send()
    assert receiver.requests == []
    await sent_jobs.sweep(post.context())
    async with post.frames.database.reading() as connection:
        for table in ("endpoints", "secrets", "deliveries", "attempts"):
            assert (await connection.execute(text(f"SELECT count(*) FROM webhooks_{table}"))).scalar() == 0
