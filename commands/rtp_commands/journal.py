"""The journal of operations: every intent is on disk before it is sent, so that it can be repeated as the same one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from rtp.errors import NotFound, RtpError
from rtp.kit.ids import IdSource, parse, show
from rtp.settings import config_folder

State = Literal["sent", "done", "refused", "unknown"]


class Intent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request as it was meant: what it says, where it goes, and the key that makes it one and the same."""

    id: str
    at: str
    operation: str
    method: str
    path: str
    key: str
    context: str
    where: str
    query: dict[str, str] = {}
    body: Any = None
    command: list[str] = []
    resume: bool = False
    """Whether it is repeated by running the command again (a bulk of many requests), not by sending one request."""


class Ending(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of an intent."""

    at: str
    state: State
    code: str = ""
    request_id: str = ""
    target: str = ""


class Entry(msgspec.Struct, kw_only=True):
    """One line of `rtp history`."""

    id: str
    at: str
    operation: str
    state: State
    target: str
    context: str
    code: str
    key: str
    command: str


class UnknownIntent(NotFound):
    """There is no operation {key} in this machine's journal."""

    hint = "rtp history"
    still = "Nothing was sent."


class JournalNotWritable(RtpError):
    """The journal in {folder} cannot be written, and a write is never sent without it: {why}."""

    still = "Nothing was sent."
    hint = "RTP_CONFIG_HOME=FOLDER, with a folder that you own"


class Journal:
    """One private file per operation, appended to and never rewritten; named by its id, so sorted by time."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.folder = config_folder(env) / "journal"

    def begin(self, intent: Intent) -> None:
        """Put an intent on disk; returns only when it is durable.

        Raises: JournalNotWritable.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path(intent.id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            _append(handle, intent)
            folder = os.open(self.folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise JournalNotWritable(folder=self.folder, why=error.strerror) from error

    def end(self, op_id: str, ending: Ending) -> None:
        """Note what became of it."""
        _append(os.open(self._path(op_id), os.O_WRONLY | os.O_APPEND), ending)

    def intent(self, op_id: str) -> Intent:
        """What was meant.

        Raises: UnknownIntent; WrongId for another kind of id.
        """
        parse("op", op_id)
        try:
            lines = self._path(op_id).read_bytes().splitlines()
        except FileNotFoundError:
            raise UnknownIntent(key=op_id) from None
        return msgspec.json.decode(lines[0], type=Intent)

    def entries(self, *, before: str | None = None) -> Iterator[Entry]:
        """Newest first, from before an id on; a file torn by a crash before it was durable is passed over."""
        names = sorted((path.name for path in self.folder.glob("op_*.ndjson")), reverse=True)
        for name in names:
            if before and name.removesuffix(".ndjson") >= before:
                continue
            lines = (self.folder / name).read_bytes().splitlines()
            if lines:
                yield _entry(lines)

    def _path(self, op_id: str) -> Path:
        return self.folder / f"{op_id}.ndjson"


def new_id() -> str:
    """A new `op_…`."""
    return show("op", IdSource().uuid())


def now() -> str:
    """The current instant, RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _append(handle: int, record: msgspec.Struct) -> None:
    with os.fdopen(handle, "ab") as file:
        file.write(msgspec.json.encode(record, enc_hook=str) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _entry(lines: list[bytes]) -> Entry:
    intent = msgspec.json.decode(lines[0], type=Intent)
    ending = msgspec.json.decode(lines[-1], type=Ending) if len(lines) > 1 else Ending(at="", state="sent")
    return Entry(
        id=intent.id,
        at=intent.at,
        operation=intent.operation,
        state=ending.state,
        target=ending.target,
        context=intent.context,
        code=ending.code,
        key=intent.key,
        command=" ".join(intent.command),
    )
