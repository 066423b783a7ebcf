"""The sandbox provider's memory: an append-only file of JSON lines, on disk before any answer is given."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rtp.errors import ExitCode, RtpError
from rtp.kit import failpoints
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.sandbox_entries import Entry


class SandboxJournalDamaged(RtpError):
    """Line {line} of {path} cannot be read: {why}"""

    exit_code = ExitCode.UNEXPECTED
    still = "The sandbox provider did not start, so that no charge or refund in it is forgotten."
    hint = "mend the line, or move the file away to start with an empty provider"


class SandboxJournalInUse(RtpError):
    """Another process already keeps {path}."""

    status = 409
    still = "This sandbox provider did not start."
    hint = "rtp status"


class Journal:
    """The open journal; one process holds it at a time."""

    def __init__(self, path: Path) -> None:
        """Open it, or begin it.

        Raises: SandboxJournalInUse, OSError.
        """
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise SandboxJournalInUse(path=path) from error
        _sync_folder(path.parent)
        self._encoder = msgspec.json.Encoder()

    def entries(self) -> Iterator[Entry]:
        """What was written, oldest first; a torn last line, whose answer nobody got, is cut off at the end.

        Raises: SandboxJournalDamaged.
        """
        decoder = msgspec.json.Decoder(Entry)
        good, size = 0, os.fstat(self._file).st_size
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                end = good + len(line)
                try:
                    entry = decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    if end < size:
                        raise SandboxJournalDamaged(line=number, path=self.path, why=error) from error
                    break
                if not line.endswith(b"\n"):
                    break
                good = end
                yield entry
        if good < size:
            print(f"cut a torn line of {size - good} bytes off {self.path}", file=sys.stderr)  # noqa: T201 - its log
            os.ftruncate(self._file, good)
            os.fsync(self._file)

    def append(self, entry: Entry) -> None:
        """Write an entry and wait until it is on disk.

        Raises: ProviderUnavailable when it could not be written, and then nothing of it is left.
        """
        failpoints.reach("sandbox.before_journal")
        line = self._encoder.encode(entry) + b"\n"
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise ProviderUnavailable(why=f"its journal cannot be written: {error.strerror}") from error
        if written < len(line):
            os.ftruncate(self._file, before)
            raise ProviderUnavailable(why="its journal cannot be written: the disk is full")
        self._to_disk()
        failpoints.reach("sandbox.after_journal")

    def _to_disk(self) -> None:
        """After a failed sync nobody knows what the disk holds, so the process ends and the next one reads it."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            print(f"cannot write {self.path} to disk: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its log
            os._exit(1)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
