"""The end of a log file."""

from __future__ import annotations

import os
from pathlib import Path

CHUNK = 65_536


def tail(path: Path, lines: int, until: int | None = None) -> list[str]:
    """The last lines of a file, or of what it has up to a place; none if there is no such file."""
    try:
        with path.open("rb") as file:
            position, text = file.seek(0, os.SEEK_END) if until is None else until, b""
            while position > 0 and text.count(b"\n") <= lines:
                step = min(CHUNK, position)
                position = file.seek(position - step)
                text = file.read(step) + text
                file.seek(position)
    except FileNotFoundError:
        return []
    return text.decode(errors="replace").splitlines()[-lines:] if lines else []


def log_end(path: Path, lines: int = 20) -> str:
    """The end of a log file as one text."""
    return "\n".join(tail(path, lines))
