"""The services' log files: keeping them small, showing their end, following them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from rtp.runtime import errors
from rtp.runtime.instance import Instance

LARGEST = 20_000_000
FOLLOW_SECONDS = 0.2


def rotate(path: Path, largest: int = LARGEST) -> None:
    """Keep a log's last part in NAME.1 once it is large; writers append, so truncating is safe.

    Where the disk has no room for that part the log goes on growing, as it could not be told what was lost.
    """
    kept = path.with_name(path.name + ".1")
    try:
        if path.stat().st_size <= largest:
            return
        shutil.copyfile(path, kept)
        os.truncate(path, 0)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in errors.FULL:
            raise
        kept.unlink(missing_ok=True)


def files(instance: Instance, service: str = "") -> list[Path]:
    """The log files of an instance, or the one of a service.

    Raises: NoSuchService.
    """
    found = sorted(instance.logs.glob("*.log"))
    if not service:
        return found
    wanted = [path for path in found if path.stem == service]
    if not wanted:
        known = ", ".join(path.stem for path in found) or "none, nothing has been started"
        raise errors.NoSuchService(noun="service", key=service, known=known)
    return wanted


def ends(paths: list[Path]) -> dict[Path, int]:
    """Where each file ends now: what was shown ends there, and following begins there, so no line falls between."""
    return {path: path.stat().st_size for path in paths}


def follow(places: dict[Path, int]) -> Iterator[tuple[Path, str]]:
    """The lines after these places for ever, also after a file was truncated."""
    while True:
        for path in places:
            size = path.stat().st_size if path.exists() else 0
            if size < places[path]:
                places[path] = 0
            if size > places[path]:
                yield from ((path, line) for line in _new_lines(path, places))
        time.sleep(FOLLOW_SECONDS)


def _new_lines(path: Path, places: dict[Path, int]) -> list[str]:
    with path.open("rb") as file:
        file.seek(places[path])
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    places[path] += len(whole)
    return whole.decode(errors="replace").splitlines()
