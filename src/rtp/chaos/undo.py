"""The undo journal: before an action breaks something it writes down how that is mended, so that somebody else can.

One file in the folder of a run, which RTP_CHAOS_RUN names; without it (plain `chaos run`) nothing is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

RUN_VARIABLE = "RTP_CHAOS_RUN"
FILE = "undo.ndjson"


class Promise(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One inverse: the action that mends, its arguments, and what it mends in words; or that one was kept."""

    undo: str
    arguments: dict[str, Any] = {}
    what: str = ""
    kept: bool = False


def promise(undo: str, what: str, **arguments: Any) -> None:
    """Write down an inverse, durably, before the action."""
    _append(Promise(undo=undo, arguments=arguments, what=what))


def kept(undo: str, **arguments: Any) -> None:
    """Note that every promise of this inverse with these arguments is kept."""
    _append(Promise(undo=undo, arguments=arguments, kept=True))


def open_promises(folder: Path) -> list[Promise]:
    """What is still to be mended, the latest first and each once."""
    waiting: dict[tuple[str, str], Promise] = {}
    for line in _lines(folder / FILE):
        entry = msgspec.json.decode(line, type=Promise)
        key = (entry.undo, repr(sorted(entry.arguments.items())))
        waiting.pop(key, None)
        if not entry.kept:
            waiting[key] = entry
    return list(reversed(waiting.values()))


def _lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return content.split(b"\n")[:-1]  # a torn last line is of an action that had not begun


def _append(entry: Promise) -> None:
    folder = os.environ.get(RUN_VARIABLE)
    if not folder:
        return
    handle = os.open(Path(folder) / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, msgspec.json.encode(entry) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
