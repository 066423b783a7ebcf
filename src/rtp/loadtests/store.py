"""The runs of this machine: a folder each in the instance's reports, with locust's figures, its log and the verdict."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rtp.loadtests.errors import LoadRunNotFound
from rtp.loadtests.schemas import LoadRun
from rtp.runtime.instance import Instance, write_private


def runs(instance: Instance) -> Path:
    """The folder of all runs."""
    return instance.reports / "load"


def begin(instance: Instance, run_id: str) -> Path:
    """Make the folder of a run, private to this user."""
    folder = runs(instance) / run_id
    folder.mkdir(mode=0o700, parents=True)
    return folder


def keep(folder: Path, run: LoadRun) -> None:
    """Keep the verdict."""
    write_private(folder / "run.json", msgspec.json.format(msgspec.json.encode(run)) + b"\n")


def find(instance: Instance, run_id: str) -> LoadRun:
    """A run of this machine.

    Raises: LoadRunNotFound.
    """
    path = runs(instance) / run_id / "run.json"
    if path.parent.parent != runs(instance) or not path.is_file():
        raise LoadRunNotFound(noun="run", key=run_id)
    return msgspec.json.decode(path.read_bytes(), type=LoadRun)
