"""Sending again: one delivery, one event, or all that an endpoint missed; and a listener's share of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from rtp.kit import signing
from rtp.kit.clock import FixedClock
from rtp.webhooks import deliveries, endpoints, listening, resending, sent_jobs
from rtp.webhooks.errors import (
    WebhookEndpointDisabled,
    WebhookEventNotFound,
    WebhookListenerOnly,
    WebhookResendUnclear,
)
from rtp.webhooks.schemas import CreatedEndpoint, CreateEndpoint, ReportTried, Resend, Tried
from rtp.webhooks.sending import Answered
from tests.webhooks.receivers import Receiver, receiving
from tests.webhooks.sent import Post


async def listener(post: Post, pattern: str) -> CreatedEndpoint:
    made = await post.write(endpoints.create, CreateEndpoint(kind="listen", events=[pattern]))
    assert isinstance(made, CreatedEndpoint)
    return made


def bodies(receiver: Receiver) -> list[str]:
    return [json.loads(one.body)["data"]["id"] for one in receiver.requests]


async def test_a_resent_delivery_bears_the_same_id_and_its_attempts_are_all_kept(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    await post.write(resending.resend, Resend(delivery=delivery["id"]))
    assert await post.send() == 1
    first, second = receiver.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    shown = await post.get(f"webhooks/deliveries/{delivery['id']}")
    assert (shown["state"], shown["round"], shown["attempts"]) == ("succeeded", 2, 2)
    assert [one["number"] for one in shown["log"]] == [1, 2]


async def test_a_resent_delivery_is_kept_for_thirty_days_from_its_last_outcome_on(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    clock.instant = datetime.now(UTC) + timedelta(days=29)  # ids take the real clock
    await post.write(resending.resend, Resend(delivery=delivery["id"]))
    await post.send()
    for days, kept in ((29, 1), (2, 0)):
        clock.instant += timedelta(days=days)
        await sent_jobs.sweep(post.context())
        assert len(await post.deliveries()) == kept


async def test_a_resend_takes_the_place_of_the_attempt_that_was_to_come(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    receiver.says(500)
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    receiver.says(200)
    await post.write(resending.resend, Resend(delivery=delivery["id"]))
    assert await post.send() == 1
    clock.instant += timedelta(days=1)
    await post.send()
    assert len(receiver.requests) == 2
    [delivery] = await post.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("succeeded", 2)


async def test_an_attempt_under_way_when_a_message_is_sent_again_is_not_taken_for_the_new_one(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    [delivery] = await post.deliveries()
    await post.write(resending.resend, Resend(delivery=delivery["id"]))
    late = await post.write(deliveries.take_in, delivery["id"], 1, 1, Answered(200, 5))
    assert late is None
    assert await post.send() == 2, "the job of the round before does nothing"
    assert len(receiver.requests) == 1
    [delivery] = await post.deliveries()
    assert (delivery["state"], delivery["round"], delivery["attempts"]) == ("succeeded", 2, 1)


async def test_nothing_is_sent_again_to_an_endpoint_that_is_disabled(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    await post.write(endpoints.disable, made.id)
    for given in (Resend(delivery=delivery["id"]), Resend(event=delivery["event_id"], endpoint=made.id)):
        with pytest.raises(WebhookEndpointDisabled):
            await post.write(resending.resend, given)
    assert [one["state"] for one in await post.deliveries()] == ["succeeded"]


async def test_an_event_goes_again_to_who_had_it_and_to_who_wants_it_now(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url, "user.*")
    await post.happen("user.created")
    await post.relay()
    await post.send()
    [delivery] = await post.deliveries()
    async with receiving() as late, receiving() as other:
        newcomer = await post.endpoint(late.url, "user.created")
        await post.endpoint(other.url, "refund.*")
        resent = await post.write(resending.resend, Resend(event=delivery["event_id"]))
        assert resent.count == 2
        await post.send()
        assert (len(receiver.requests), len(late.requests), len(other.requests)) == (2, 1, 0)
        await post.write(resending.resend, Resend(event=delivery["event_id"], endpoint=newcomer.id))
        await post.send()
        assert (len(receiver.requests), len(late.requests)) == (2, 2)


async def test_what_an_endpoint_missed_while_it_was_disabled_comes_by_one_command(
    post: Post, receiver: Receiver, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url, "user.*", "refund.succeeded")
    await post.happen("user.created", "usr_old")
    await post.relay()
    await post.send()
    clock.instant += timedelta(hours=2)
    await post.write(endpoints.disable, made.id)
    for type, about in (("user.created", "usr_1"), ("user.noted", "usr_1"), ("refund.succeeded", "rfd_1"),
                        ("refund.failed", "rfd_2"), ("payment.succeeded", "pay_1")):  # fmt: skip
        await post.happen(type, about)
    await post.relay()
    with pytest.raises(WebhookEndpointDisabled):
        await post.write(resending.resend, Resend(endpoint=made.id, since="1h"))
    await post.write(endpoints.enable, made.id)
    resent = await post.write(resending.resend, Resend(endpoint=made.id, since="1h"))
    assert (resent.count, resent.more) == (2, False)
    await post.send()
    assert sorted(bodies(receiver)) == ["rfd_1", "usr_1", "usr_old"]
    again = await post.write(resending.resend, Resend(endpoint=made.id, since="1h"))
    assert again.count == 0


async def test_much_that_was_missed_comes_in_parts(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resending, "MOST", 2)
    for number in range(5):
        await post.happen("user.created", f"usr_{number}")
    made = await post.endpoint(receiver.url)
    found = []
    for _ in range(3):
        resent = await post.write(resending.resend, Resend(endpoint=made.id, since="1h"))
        await post.send()
        found.append((resent.count, resent.more))
    assert found == [(2, True), (2, True), (1, False)]
    assert sorted(bodies(receiver)) == [f"usr_{number}" for number in range(5)]


@pytest.mark.parametrize("given", [{}, {"delivery": "whd_1", "event": "evt_1"}, {"endpoint": "we_1"}, {"since": "1h"}])
async def test_an_unclear_wish_is_refused(post: Post, given: dict[str, str]) -> None:
    with pytest.raises(WebhookResendUnclear):
        await post.write(resending.resend, Resend(**given))


async def test_an_event_that_is_never_sent_is_not_sent_by_hand_either(post: Post, receiver: Receiver) -> None:
    await post.endpoint(receiver.url)
    await post.happen("user.noted")
    [event] = [one for one in (await post.get("events"))["items"] if one["type"] == "user.noted"]
    for key in (event["id"], "evt_00000000000000000000000001", "rfd_00000000000000000000000001"):
        with pytest.raises(WebhookEventNotFound):
            await post.write(resending.resend, Resend(event=key))


async def test_a_listener_takes_its_messages_signed_and_its_answers_count(post: Post, clock: FixedClock) -> None:
    made = await listener(post, "refund.*")
    await post.happen("refund.succeeded", "rfd_1")
    await post.happen("user.created")
    await post.relay()
    assert await post.send() == 0
    [due] = (await post.write(listening.due, [made.id])).items
    assert signing.verify([made.secret], due.headers, due.body.encode(), clock.now()) == due.event_id
    failed = Tried(delivery=due.id, round=due.round, attempt=due.attempt, status=500, ms=3, answer="\x1b[31mno")
    [stands] = (await post.write(listening.report, ReportTried(tried=[failed]))).deliveries
    assert (stands.state, stands.attempts) == ("pending", 1)
    assert (await post.write(listening.due, [made.id])).items == []
    clock.instant = stands.next_attempt_at
    [again] = (await post.write(listening.due, [made.id])).items
    assert (again.attempt, again.event_id) == (2, due.event_id)
    taken = Tried(delivery=again.id, round=again.round, attempt=2, status=204, ms=1)
    for _ in range(2):
        [stands] = (await post.write(listening.report, ReportTried(tried=[taken]))).deliveries
    assert (stands.state, stands.attempts) == ("succeeded", 2)
    shown = await post.get(f"webhooks/deliveries/{due.id}")
    assert [one["answer"] for one in shown["log"]] == ["\\x1b[31mno", ""]
    await post.write(resending.resend, Resend(delivery=due.id))
    [third] = (await post.write(listening.due, [made.id])).items
    assert (third.round, third.attempt) == (2, 1)


async def test_a_listener_may_only_speak_for_listeners(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url)
    await post.happen("user.created")
    await post.relay()
    [delivery] = await post.deliveries()
    with pytest.raises(WebhookListenerOnly):
        await post.write(listening.keep, [made.id])
    told = Tried(delivery=delivery["id"], round=1, attempt=1, status=200)
    with pytest.raises(WebhookListenerOnly):
        await post.write(listening.report, ReportTried(tried=[told]))


async def test_a_listener_that_asks_stays_and_one_that_does_not_is_cleared_away(post: Post, clock: FixedClock) -> None:
    kept, left = await listener(post, "*"), await listener(post, "*")
    for _ in range(3):
        clock.instant += timedelta(minutes=4)
        await post.write(listening.keep, [kept.id])
    await post.happen("user.created")
    await post.relay()
    assert {one["endpoint_id"] for one in await post.deliveries()} == {kept.id}
    await sent_jobs.sweep(post.context())
    assert (await post.api.get(f"/v1/webhooks/endpoints/{kept.id}")).status_code == 200
    assert (await post.api.get(f"/v1/webhooks/endpoints/{left.id}")).status_code == 404


async def test_the_test_message_goes_to_its_endpoint_alone(post: Post, receiver: Receiver) -> None:
    async with receiving() as other:
        made = await post.endpoint(receiver.url, "refund.*")
        await post.endpoint(other.url, "*")
        await post.write(endpoints.tested, made.id)
        await post.relay()
        await post.send()
        assert (len(receiver.requests), len(other.requests)) == (1, 0)
    assert json.loads(receiver.requests[0].body)["type"] == "webhook_endpoint.tested"
