"""Documents that a process keeps: read once a version, and never taken for one that holds no more."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from rtp.db import versions
from rtp.db.frame import Frame
from rtp.db.versions import Kept


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept[str]:
    monkeypatch.setattr(versions, "TOLD", dict(versions.TOLD))
    return Kept("manual", "SELECT NULL::uuid")


class Shelf:
    """Where the document lies; counts how often it was looked at."""

    def __init__(self) -> None:
        self.key: UUID | None = uuid4()
        self.text = "first"
        self.looks = 0

    async def read(self, frame: Frame) -> tuple[UUID | None, str]:
        self.looks += 1
        return self.key, self.text


async def test_a_version_that_is_told_and_known_is_not_read_again(frame: Frame, kept: Kept[str]) -> None:
    shelf = Shelf()
    frame.versions = {"manual": shelf.key}
    assert [await kept.current(frame, shelf.read) for _ in range(3)] == ["first"] * 3
    assert shelf.looks == 1


async def test_a_version_that_nobody_knew_is_read(frame: Frame, kept: Kept[str]) -> None:
    shelf = Shelf()
    frame.versions = {"manual": shelf.key}
    await kept.current(frame, shelf.read)
    shelf.key, shelf.text = uuid4(), "second"
    frame.versions = {"manual": shelf.key}
    assert await kept.current(frame, shelf.read) == "second"


async def test_that_there_is_none_is_kept_too_and_ends_with_the_first(frame: Frame, kept: Kept[str]) -> None:
    shelf = Shelf()
    shelf.key, shelf.text = None, "none"
    frame.versions = {"manual": None}
    assert [await kept.current(frame, shelf.read) for _ in range(2)] == ["none"] * 2
    shelf.key, shelf.text = uuid4(), "first"
    frame.versions = {"manual": shelf.key}
    assert await kept.current(frame, shelf.read) == "first"
    assert shelf.looks == 2


async def test_a_frame_that_was_told_nothing_or_changed_it_reads_each_time(frame: Frame, kept: Kept[str]) -> None:
    shelf = Shelf()
    frame.versions = {"manual": shelf.key}
    await kept.current(frame, shelf.read)
    kept.forget(frame)
    shelf.text = "as it is now"
    assert await kept.current(frame, shelf.read) == "as it is now"
    frame.versions = {}
    await kept.current(frame, shelf.read)
    assert shelf.looks == 3


async def test_only_so_many_versions_are_held(frame: Frame, kept: Kept[str]) -> None:
    shelf = Shelf()
    for _ in range(3 * versions.HELD):
        shelf.key = uuid4()
        await kept.current(frame, shelf.read)
    assert len(kept.versions) <= versions.HELD
