"""Endpoints that take nothing stand on the morning page and with the doctor, with the command that mends it."""

from __future__ import annotations

from datetime import timedelta

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.meta import checks
from rtp.meta.schemas import Check
from rtp.permissions import LOCAL_OWNER
from rtp.today import service as today
from rtp.webhooks import endpoints, resending
from rtp.webhooks.schemas import Resend
from tests.webhooks.receivers import OK, Receiver
from tests.webhooks.sent import Post


async def told(frames: Frames) -> tuple[Check, list[tuple[str, int, str]]]:
    """The doctor's line on endpoints, and what the morning page says of webhooks."""
    async with frames.reading(operation="tests", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        found = next(one for one in await checks.all_checks(frame) if one.name == "webhook endpoints")
        page = await today.show(frame)
    return found, [(one.what, one.count, one.command) for one in page.attention if "webhook" in one.what]


async def happens(post: Post, type: str = "user.created") -> None:
    await post.happen(type)
    await post.relay()
    await post.send()


async def test_an_endpoint_that_takes_what_it_is_sent_needs_nobody(
    post: Post, receiver: Receiver, frames: Frames
) -> None:
    assert (await told(frames))[0].detail == "there is none"
    await post.endpoint(receiver.url)
    await happens(post)
    check, attention = await told(frames)
    assert (check.state, check.detail, check.fix, attention) == ("ok", "1 enabled, none fails", "", [])


async def test_an_endpoint_that_was_disabled_by_410_is_named_with_the_commands_that_bring_back_all_it_missed(
    post: Post, receiver: Receiver, frames: Frames, clock: FixedClock
) -> None:
    receiver.says(410)
    made = await post.endpoint(receiver.url)
    happened = clock.instant
    await post.happen("user.created")
    await post.relay()
    clock.instant += timedelta(minutes=2)  # the attempt comes later than what it tells of
    await post.send()
    check, attention = await told(frames)
    since = "2026-03-02T14:30:00Z"
    assert check.state == "warning"
    assert check.detail == f"{made.id} was disabled: it answered 410 Gone"
    assert check.fix == (
        f"rtp webhooks endpoints enable {made.id} && rtp webhooks resend --endpoint {made.id} --since {since}"
    )
    enable = f"rtp webhooks endpoints enable {made.id}"
    assert attention == [("webhook endpoints that were disabled for their failures", 1, enable)]
    assert happened.isoformat().startswith("2026-03-02T14:30:00")

    receiver.answers = [OK]
    await post.write(endpoints.enable, made.id)
    resent = await post.write(resending.resend, Resend(endpoint=made.id, since=since))
    assert (resent.count, await post.send()) == (1, 1)
    check, attention = await told(frames)
    assert (check.state, attention) == ("ok", [])


async def test_an_endpoint_that_a_person_disabled_needs_nobody(post: Post, receiver: Receiver, frames: Frames) -> None:
    made = await post.endpoint(receiver.url)
    await post.write(endpoints.disable, made.id)
    check, attention = await told(frames)
    assert (check.state, check.detail, attention) == ("ok", "0 enabled, none fails", [])


async def test_an_endpoint_that_fails_is_named_once_its_failures_are_more_than_a_moment(
    post: Post, receiver: Receiver, frames: Frames, clock: FixedClock
) -> None:
    receiver.says(503)
    made = await post.endpoint(receiver.url)
    await happens(post)
    assert (await told(frames))[0].state == "ok"
    clock.instant += timedelta(minutes=6)
    await post.send()
    clock.instant += timedelta(minutes=5)
    check, attention = await told(frames)
    assert (check.state, check.detail) == ("warning", f"{made.id} has taken nothing since 2026-03-02 14:30 UTC")
    assert check.fix == f"rtp webhooks endpoints test {made.id}"
    assert attention == [("webhook endpoints that take nothing", 1, f"rtp webhooks endpoints test {made.id}")]
    receiver.says(200)
    await happens(post)
    assert (await told(frames))[0].state == "ok"


async def test_what_was_given_up_is_counted_for_a_day_where_the_endpoint_takes_other_things(
    post: Post, receiver: Receiver, frames: Frames, clock: FixedClock
) -> None:
    made = await post.endpoint(receiver.url)
    receiver.says(503)
    await post.happen("user.created")
    await post.relay()
    for made_attempts in range(9):
        await post.send()
        if made_attempts == 4:  # it takes something in between, so it is not disabled at the end
            receiver.says(200)
            await happens(post)
            receiver.says(503)
        clock.instant = await post.next_at() or clock.instant
    await post.send()
    receiver.says(200)
    await happens(post)
    check, attention = await told(frames)
    resend = f"rtp webhooks resend --endpoint {made.id} --since 2026-03-02T14:30:00Z"
    assert (check.state, check.detail, check.fix) == ("warning", f"{made.id} was not brought 1 message", resend)
    assert attention == [("webhooks that were given up today", 1, resend)]
    clock.instant += timedelta(days=1, seconds=1)
    assert (await told(frames))[0].state == "ok"


async def test_of_several_in_trouble_the_page_has_the_command_that_lists_them(
    post: Post, receiver: Receiver, frames: Frames
) -> None:
    receiver.says(410)
    for _ in range(2):
        await post.endpoint(receiver.url)
    await happens(post)
    check, [(_, count, command)] = await told(frames)
    assert (count, command) == (2, "rtp webhooks endpoints list --state disabled")
    assert check.detail.startswith("2 in trouble: ")
