"""The relay on a real database: nothing missed, order kept, duplicates only outside."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rtp.db import leases
from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.events import relay
from rtp.events.relay import Consumer, CursorMoved
from rtp.events.schemas import Event
from rtp.kit import trace
from rtp.permissions import WORKER
from rtp.testing import relay as testing_relay
from rtp.testing.plugin import OpenFrame
from rtp_server import relaying


def collector(seen: list[str], name: str = "tests") -> Consumer:
    async def take(events: Sequence[Event]) -> None:
        seen.extend(event.aggregate_id for event in events)

    return Consumer(name, wants=lambda type: type.startswith("thing."), outside=take)


async def test_a_slow_transaction_with_a_smaller_number_is_not_overtaken(frames: Frames, writing: OpenFrame) -> None:
    seen: list[str] = []
    consumer = collector(seen)
    async with writing() as early:
        early.record("thing.made", "early", 1)
    await testing_relay.horizon_passed(frames)
    async with writing() as slow:
        slow.record("thing.made", "slow", 1)
        await slow.close()
        slow.notes.clear()
        async with writing() as fast:
            fast.record("thing.made", "fast", 1)
        await relaying.once(frames, [consumer])
        assert seen == ["early"]
    await testing_relay.once(frames, [consumer])
    assert seen == ["early", "slow", "fast"]


async def test_only_wanted_types_arrive_and_the_cursor_passes_the_others(frames: Frames, writing: OpenFrame) -> None:
    seen: list[str] = []
    async with writing() as frame:
        frame.record("other.made", "a", 1)
        frame.record("thing.made", "b", 1)
    assert await testing_relay.once(frames, [collector(seen)]) == 2
    assert await testing_relay.once(frames, [collector(seen)]) == 0
    assert seen == ["b"]


async def test_a_batch_ends_with_the_last_event_that_fits_and_the_next_one_goes_on_there(
    frames: Frames, writing: OpenFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 2)
    monkeypatch.setattr(relay, "LOOK", 7)
    batches: list[list[str]] = []

    async def take(events: Sequence[Event]) -> None:
        batches.append([event.aggregate_id for event in events])

    async with writing() as frame:
        for place, type in enumerate(["other", "thing", "thing", "other", "thing", *["other"] * 9, "thing"]):
            frame.record(f"{type}.made", str(place), 1)
    consumer = Consumer("tests", wants=lambda type: type == "thing.made", outside=take)
    passed = [await testing_relay.once(frames, [consumer]) for _ in range(4)]
    assert batches == [["1", "2"], ["4"], ["14"]]
    assert passed == [3, 7, 5, 0]


async def test_a_consumer_that_fails_gets_the_batch_again(frames: Frames, writing: OpenFrame) -> None:
    seen: list[str] = []

    async def fail(events: Sequence[Event]) -> None:
        raise ConnectionError

    async with writing() as frame:
        frame.record("thing.made", "a", 1)
    with pytest.raises(ConnectionError):
        await testing_relay.once(frames, [Consumer("tests", wants=lambda _: True, outside=fail)])
    await testing_relay.once(frames, [collector(seen)])
    assert seen == ["a"]


async def test_a_consumer_that_nobody_serves_is_not_late_and_goes_on_where_it_was(
    frames: Frames, writing: OpenFrame
) -> None:
    seen: list[str] = []
    plugin, ours = collector(seen, "plugin:things"), collector([], "ours")
    async with writing() as frame:
        frame.record("thing.made", "a", 1)
    await testing_relay.once(frames, [plugin, ours])
    async with writing() as frame:
        await relay.serve(frame, [ours])
        frame.record("thing.made", "b", 1)
    async with writing() as frame:
        assert set(await relay.lag(frame)) == {"ours"}
        await relay.serve(frame, [ours, plugin])
        assert set(await relay.lag(frame)) == {"ours", "plugin:things"}
    await testing_relay.once(frames, [plugin, ours])
    assert seen == ["a", "b"]


async def test_two_relays_at_once_have_one_effect_inside(frames: Frames, writing: OpenFrame) -> None:
    async def queue(frame: Frame, events: Sequence[Event]) -> None:
        for event in events:
            frame.enqueue("tests.job", event=event.id)

    consumer = Consumer("tests", wants=lambda _: True, inside=queue)
    async with writing() as frame:
        frame.record("thing.made", "a", 1)
    await testing_relay.horizon_passed(frames)
    async with frames.reading(operation="t", principal=WORKER, trace=trace.start()) as look:
        [(_, xid, seq)] = await relay.behind(look, [consumer])
    async with writing() as first:
        await relay.deliver(first, consumer, xid, seq)
    with pytest.raises(CursorMoved):
        async with writing() as second:
            await relay.deliver(second, consumer, xid, seq)


async def test_a_lease_has_one_holder_and_its_epoch_grows_with_a_new_one(writing: OpenFrame) -> None:
    async with writing() as frame:
        assert await leases.take(frame, "l", "a", ttl=30) == 1
        assert await leases.take(frame, "l", "a", ttl=30) == 1
        assert await leases.take(frame, "l", "b", ttl=30) is None
        await leases.give_back(frame, "l", "a")
        assert await leases.take(frame, "l", "b", ttl=30) == 2
