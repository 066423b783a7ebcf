"""Documents that a process keeps parsed: the first statement of a write tells which version of each holds.

Where it was told, nobody has to read the document again to know that it has not changed; where it was not (a read, a
job, a write without a key), the document is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from rtp.db.frame import Frame

Document = TypeVar("Document")

TOLD: dict[str, str] = {}
"""SQL of the id of the version that holds, or NULL, by the document's name."""
HELD = 64
"""Versions of a document that a process keeps at most."""


class Kept(Generic[Document]):
    """The newest versions of one document. Their ids are never used twice, in whichever database they are."""

    def __init__(self, name: str, sql: str) -> None:
        TOLD[name] = sql
        self._name = name
        self.versions: dict[UUID | None, Document] = {}

    async def current(self, frame: Frame, read: Callable[[Frame], Awaitable[tuple[UUID | None, Document]]]) -> Document:
        """The version that holds for this frame; `read` gives it with its id."""
        told = frame.versions.get(self._name, _UNTOLD)
        if told in self.versions:
            return self.versions[told]
        found, document = await read(frame)
        if len(self.versions) == HELD:
            self.versions.clear()
        self.versions[found] = document
        return document

    def forget(self, frame: Frame) -> None:
        """Let this frame read anew: it changes the document, or has waited for somebody who may have."""
        frame.versions.pop(self._name, None)


_UNTOLD = UUID(int=0)
