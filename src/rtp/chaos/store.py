"""The runs of this machine: a folder each in the instance's reports, with request, journal, logs and verdict."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from rtp.chaos.errors import RunNotFound
from rtp.chaos.policy import Journal
from rtp.chaos.schemas import EXIT_CODES, ChaosRun, RecordRun
from rtp.runtime.instance import Instance, write_private
from rtp.runtime.tails import tail


class Asked(msgspec.Struct, kw_only=True):
    """What was to be run."""

    name: str
    path: str
    variables: dict[str, Any] = {}


def runs(instance: Instance) -> Path:
    """The folder of all runs."""
    return instance.reports / "chaos"


def begin(instance: Instance, run_id: str) -> Path:
    """Make the folder of a run."""
    folder = runs(instance) / run_id
    folder.mkdir(mode=0o700, parents=True)
    return folder


def discard(folder: Path) -> None:
    """Forget a run that did not begin."""
    shutil.rmtree(folder, ignore_errors=True)


def latest(instance: Instance) -> Path | None:
    """The folder of the latest run; run ids order by time."""
    found = sorted(runs(instance).glob("run_*")) if runs(instance).is_dir() else []
    return found[-1] if found else None


def folder_of(instance: Instance, run_id: str) -> Path:
    """The folder of a run.

    Raises: RunNotFound.
    """
    folder = runs(instance) / run_id
    if folder.parent != runs(instance) or not run_id.startswith("run_") or not folder.is_dir():
        raise RunNotFound(noun="run", key=run_id)
    return folder


def request(folder: Path) -> Asked:
    """What was to be run."""
    return msgspec.json.decode((folder / "request.json").read_bytes(), type=Asked)


def journal(folder: Path) -> Journal:
    """The journal as far as it came; an empty one when the run had not begun."""
    try:
        return msgspec.json.decode((folder / "journal.json").read_bytes(), type=Journal)
    except FileNotFoundError:
        return Journal()


def keep(folder: Path, record: RecordRun) -> None:
    """Keep the verdict."""
    write_private(folder / "run.json", msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def judged(folder: Path) -> bool:
    """Whether the run has its verdict."""
    return (folder / "run.json").exists()


def record(folder: Path) -> RecordRun:
    """The verdict of a run."""
    return msgspec.json.decode((folder / "run.json").read_bytes(), type=RecordRun)


def show(folder: Path) -> ChaosRun:
    """A run with its verdict."""
    return as_run(record(folder))


def as_run(record: RecordRun) -> ChaosRun:
    """A complete record as a run."""
    assert record.id
    assert record.started_at
    assert record.ended_at
    return ChaosRun(
        id=record.id,
        name=record.name,
        verdict=record.verdict,
        exit_code=EXIT_CODES[record.verdict],
        rollbacks=record.rollbacks,
        reasons=record.reasons,
        journal=record.journal,
        started_at=record.started_at,
        ended_at=record.ended_at,
    )


def last_words(folder: Path) -> str:
    """The end of what the child printed."""
    lines = tail(folder / "output.log", 1)
    return lines[-1].strip() if lines else ""
