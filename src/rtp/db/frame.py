"""The frame: the edge of a transaction. It knows who asks, when, why, and whether this is a dry run; it alone commits.

Services record changes and queue jobs on it; when it closes it writes the events, one audit row and the jobs in the
same transaction. A dry run does the same and rolls back, so a plan cannot differ from the act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Executable, Row, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from rtp.db import records
from rtp.db.closing import Added, Writing, write
from rtp.db.premises import Premises
from rtp.db.prepared import Driver, Prepared
from rtp.kit import canonical, ids
from rtp.kit.clock import to_text
from rtp.kit.ids import IdSource
from rtp.kit.trace import Trace
from rtp.operations import Ask, Change
from rtp.permissions import Principal

if TYPE_CHECKING:
    from rtp.cache.service import Cache

BEHIND = -1
"""Priority of the jobs of a bulk write: who waits for a single one does not wait for hundreds."""


class Job(msgspec.Struct, kw_only=True):
    """A job to queue: its name in the worker's table, and arguments that are plain JSON."""

    name: str
    args: dict[str, Any]
    queue: str = "default"
    lock: str | None = None
    queueing_lock: str | None = None
    at: datetime | None = None
    priority: int = 0


class Note(msgspec.Struct, kw_only=True):
    """One recorded change; `user_id` is the member it is about."""

    type: str
    aggregate_id: str
    version: int
    user_id: int | None = None
    before: Any = None
    after: Any = None


class Frame:
    """One transaction of one request or job.

    `now` is the pinned instant of the whole frame; `reason` is what the caller gave. `caching` tells whether its reads
    go through the process's cache: never while it writes, or it would read the state before its own changes. `bulk`
    says that very many things change: the audit row gets their summary instead of each (each is an event all the same),
    and their jobs let those of others go first.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        *,
        principal: Principal,
        trace: Trace,
        operation: str,
        now: datetime,
        ids: IdSource,
        reason: str = "",
        dry_run: bool = False,
        cache: Cache | None = None,
        caching: Literal["off", "read", "refresh"] = "off",
        premises: Premises | None = None,
    ) -> None:
        self.connection = connection
        self.principal = principal
        self.trace = trace
        self.operation = operation
        self.now = now
        self.ids = ids
        self.reason = reason
        self.dry_run = dry_run
        self.cache = cache
        self.caching: Literal["off", "read", "refresh"] = caching
        self.premises = premises or Premises()
        self.notes: list[Note] = []
        self.jobs: list[Job] = []
        self.added: list[Added] = []
        self.summary: dict[str, Any] = {}
        self.versions: dict[str, UUID | None] = {}
        self.bulk = False
        self.causation_id: str = trace.request_id

    async def execute(self, statement: Executable, values: Any = None) -> Any:
        """Run a statement in the frame's transaction."""
        if self.added:
            await self.flush()
        return await self.connection.execute(statement, values)

    async def all(self, statement: Executable | Prepared, values: Any = None) -> Sequence[Row[Any]]:
        """All rows of a query."""
        if self.added:
            await self.flush()
        if isinstance(statement, Prepared):
            return await self.driver.run(statement, values)
        return (await self.connection.execute(statement, values)).all()

    async def first(self, statement: Executable | Prepared, values: Any = None) -> Row[Any] | None:
        """The first row of a query, or None."""
        if self.added:
            await self.flush()
        if isinstance(statement, Prepared):
            rows = await self.driver.run(statement, values)
            return rows[0] if rows else None
        return (await self.connection.execute(statement, values)).first()

    @cached_property
    def driver(self) -> Driver:
        """The driver's own connection, in the frame's transaction."""
        return Driver(self.connection)

    def record(
        self,
        type: str,
        aggregate_id: str,
        version: int,
        *,
        user_id: int | None = None,
        before: Any = None,
        after: Any = None,
        reason: str = "",
    ) -> None:
        """Note a change: it becomes a domain event, and part of the one audit row of this frame."""
        self.notes.append(
            Note(type=type, aggregate_id=aggregate_id, version=version, user_id=user_id, before=before, after=after)
        )
        self.reason = reason or self.reason

    def enqueue(self, name: str, *, queue: str = "default", lock: str | None = None,
                queueing_lock: str | None = None, at: datetime | None = None, **args: Any) -> None:  # fmt: skip
        """Queue a job that exists only if this frame commits; it carries the trace of its cause."""
        args = {**args, "_trace": {"traceparent": self.trace.traceparent, "request_id": self.trace.request_id}}
        self.jobs.append(
            Job(
                name=name,
                args=args,
                queue=queue,
                lock=lock,
                queueing_lock=queueing_lock,
                at=at,
                priority=BEHIND if self.bulk else 0,
            )
        )

    def after(self, seconds: float) -> datetime:
        """An instant so many seconds from the frame's own."""
        return self.now + timedelta(seconds=seconds)

    async def once(self, effect: str) -> bool:
        """Take a once-only effect for this transaction; False when it was taken before, whoever comes late."""
        query = upsert(records.effects).values(key=effect).on_conflict_do_nothing().returning(records.effects.c.key)
        return await self.first(query) is not None

    def changes(self) -> list[Change]:
        """The recorded changes as they are shown and digested; of a bulk write only its summary is."""
        if self.bulk:
            return []
        return [
            Change(type=note.type, target=note.aggregate_id, before=_plain(note.before), after=_plain(note.after))
            for note in self.notes
        ]

    def asks(self) -> list[Ask]:
        """The queued jobs as a plan shows them."""
        return [
            Ask(job=job.name, args={key: value for key, value in job.args.items() if key != "_trace"})
            for job in self.jobs
        ]

    def digest(self, result: Any) -> str:
        """A hash over everything that this frame would do and answer."""
        return canonical.digest([self.changes(), self.asks(), _plain(result), self.summary])

    def add(self, table: str, **row: Any) -> None:
        """Insert a row before the frame's next statement; best last, so that it goes in one with all that closes it."""
        self.added.append((table, row))

    def write(self, writing: Writing, **row: Any) -> None:
        """Give a statement a row of its own before the frame's next statement, as `add` does a table."""
        self.added.append((writing, row))

    def add_once(self, effect: str) -> None:
        """Take a once-only effect that nobody can have taken before, as of something made in this frame."""
        self.add("effects", key=effect)

    def answer(self, key: str, fingerprint: str, status: int, body: bytes) -> None:
        """Keep the answer of this write with its effect, under the caller's key."""
        self.add(
            "stored_answers", scope=self.principal.id, key=key, fingerprint=fingerprint, operation=self.operation,
            status=status, body=f"\\x{body.hex()}", created_at=self.now,
        )  # fmt: skip

    async def flush(self) -> None:
        """Insert now what was added so far."""
        if self.added:
            added, self.added = self.added, []
            await write(self.driver, added)

    async def close(self, *, plan_id: UUID | None = None) -> None:
        """Write what was added, events, audit row and jobs, and force the deferred checks. Does not commit."""
        events = [("events", self._event_row(note)) for note in self.notes]
        audit = [("audit", row) for row in self._audit_rows(plan_id)]
        added, self.added = self.added, []  # a dry run executes once more, which must not add them again
        await write(self.driver, [*added, *events, *audit], self.jobs)
        if self.dry_run:
            await self.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def _event_row(self, note: Note) -> dict[str, Any]:
        return {
            "id": self.ids.uuid(note.user_id),
            "type": note.type,
            "aggregate_type": note.type.partition(".")[0],
            "aggregate_id": note.aggregate_id,
            "version": note.version,
            "timestamp": self.now,
            "payload": {"before": _plain(note.before), "after": _plain(note.after)},
            "metadata": self.event_metadata(note.user_id),
        }

    def event_metadata(self, user_id: int | None) -> dict[str, Any]:
        """What every event says of its cause."""
        return {
            "user_id": None if user_id is None else ids.show_user(user_id),
            "trace_id": self.trace.trace_id,
            "causation_id": self.causation_id,
        }

    def _audit_rows(self, plan_id: UUID | None) -> list[dict[str, Any]]:
        if not (self.notes or self.summary) and self.principal.kind == "system":
            return []
        first = self.notes[0] if self.notes else None
        changes: Any = self.changes()
        if self.summary:
            changes = {"summary": self.summary, "changes": changes}
        return [
            {
                "id": self.ids.uuid(first.user_id if first else None),
                "at": self.now,
                "actor": self.principal.id,
                "actor_name": self.principal.name,
                "actor_kind": self.principal.kind,
                "role": self.principal.role,
                "operation": self.operation,
                "target": first.aggregate_id if first and not self.bulk else self.operation.partition(".")[0],
                "user_id": first.user_id if first and not self.bulk else None,
                "reason": self.reason,
                "request_id": self.trace.request_id,
                "trace_id": self.trace.trace_id,
                "plan_id": plan_id,
                "changes": msgspec.to_builtins(changes, enc_hook=str),
            }
        ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return msgspec.to_builtins(value, enc_hook=str) if value is not None else None
