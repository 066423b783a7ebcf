"""The sandbox's journal: on disk before the answer, whole or not at all, one holder."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_journal import Journal, SandboxJournalInUse

TEN = Money(1000, "USD")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.ndjson"


def charge(book: Book, key: str) -> str:
    return book.charge(key, TEN, "card_visa", "a month")[0].ref


def keys_in(path: Path) -> list[str]:
    journal = Journal(path)
    try:
        book = Book(FixedClock(LONG_AGO))
        for entry in journal.entries():
            book.record.apply(entry)
        return [made.key for made in book.charges(LONG_AGO)]
    finally:
        journal.close()


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process may grow beyond this size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 10])
def test_a_full_disk_refuses_the_charge_and_leaves_no_half_line(path: Path, clock: FixedClock, room: int) -> None:
    journal = Journal(path)
    book = Book(clock, journal.append)
    charge(book, "c1")
    size = path.stat().st_size
    with files_end_at(size + room), pytest.raises(ProviderUnavailable, match="journal cannot be written"):
        charge(book, "c2")
    assert path.stat().st_size == size
    assert book.charge_of("c2") is None
    charge(book, "c3")
    journal.close()
    assert keys_in(path) == ["c1", "c3"]


def test_an_entry_is_synced_to_disk_before_it_takes_effect(
    path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    book = Book(clock, journal.append)
    seen: list[tuple[bool, bool]] = []
    sync = os.fdatasync

    def watched(file: int) -> None:
        seen.append((b'"c1"' in path.read_bytes(), book.charge_of("c1") is None))
        sync(file)

    monkeypatch.setattr(os, "fdatasync", watched)
    charge(book, "c1")
    journal.close()
    assert seen == [(True, True)]


def test_a_journal_has_one_holder_at_a_time(path: Path) -> None:
    first = Journal(path)
    with pytest.raises(SandboxJournalInUse, match="already keeps"):
        Journal(path)
    first.close()
    Journal(path).close()


@pytest.mark.parametrize("tail", [b'{"type":"charge"', b"{}", b"\x00\x00\x00", b"\xff\n", b"{}\n"])
def test_a_last_line_that_is_not_whole_is_cut_off_whatever_is_in_it(
    path: Path, clock: FixedClock, tail: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(path)
    charge(Book(clock, journal.append), "c1")
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert keys_in(path) == ["c1"]
    assert path.read_bytes() == whole
    assert f"torn line of {len(tail)} bytes" in capsys.readouterr().err
