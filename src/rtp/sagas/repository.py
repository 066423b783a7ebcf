"""Every query on sagas."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import Row, insert, select, text, update

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.sagas import policy
from rtp.sagas.model import saga_steps, sagas
from rtp.sagas.schemas import Direction, Saga, SagaDetail, SagaState, SagaStep

_WAITING = text(
    """
    SELECT count(*) FILTER (WHERE state = 'stuck') AS stuck,
        count(*) FILTER (WHERE state <> 'stuck' AND next_at < :since) AS late
    FROM sagas WHERE ended_at IS NULL
    """
)


class Kept(Struct, kw_only=True):
    """A saga as the engine sees it: its turn, and what its steps are given."""

    uuid: UUID
    name: str
    definition_version: int
    subject: str
    data: dict[str, Any]
    state: SagaState
    direction: Direction
    turn: int
    cancelling: bool
    page_after: int
    error: str
    created_by: str
    version: int
    created_at: datetime
    deadline_at: datetime
    next_at: datetime
    ended_at: datetime | None
    steps: list[SagaStep]

    @property
    def id(self) -> str:
        """As it is shown."""
        return ids.show("saga", self.uuid)

    @property
    def ended(self) -> bool:
        """Whether it takes no further step."""
        return self.state in policy.ENDED

    def shown(self) -> Saga:
        """As it leaves the area."""
        return Saga(**_shown(self))

    def detail(self) -> SagaDetail:
        """As it leaves the area, with its steps."""
        return SagaDetail(**_shown(self), steps=self.steps)


def _shown(kept: Kept) -> dict[str, Any]:
    values = {name: getattr(kept, name) for name in Saga.__struct_fields__ if name not in {"id", "step"}}
    return values | {"id": kept.id, "step": "" if kept.ended else policy.at_hand(kept.direction, kept.steps)}


_OWN = [name for name in Kept.__struct_fields__ if name not in {"uuid", "steps"}]


def _to_kept(row: Row[Any], steps: list[SagaStep]) -> Kept:
    return Kept(uuid=row.id, steps=steps, **{name: getattr(row, name) for name in _OWN})


def _to_step(row: Row[Any]) -> SagaStep:
    return SagaStep(**{name: getattr(row, name) for name in SagaStep.__struct_fields__})


async def find(frame: Frame, saga_id: UUID, *, lock: bool = False) -> Kept | None:
    """The saga with its steps; with `lock`, held for this transaction."""
    row = await find_row(frame, sagas, saga_id, lock=lock)
    return None if row is None else _to_kept(row, (await _steps_of(frame, [saga_id]))[saga_id])


async def holds(frame: Frame, key: str, turn: int) -> bool:
    """Whether the saga's turn is this one; keeps it so for this transaction."""
    query = select(sagas.c.turn).where(sagas.c.id == ids.parse("saga", key)).with_for_update()
    row = await frame.first(query)
    return row is not None and int(row[0]) == turn


async def add(
    frame: Frame, *, name: str, definition_version: int, subject: str, data: dict[str, Any], page_after: int,
    deadline_at: datetime, steps: list[SagaStep],
) -> Kept:  # fmt: skip
    """Insert a saga whose first turn is to come."""
    values = {
        "id": frame.ids.uuid(),
        "name": name,
        "definition_version": definition_version,
        "subject": subject,
        "data": data,
        "state": "pending",
        "direction": "forward",
        "page_after": page_after,
        "created_by": frame.principal.id,
        "created_at": frame.now,
        "deadline_at": deadline_at,
        "next_at": frame.now,
    }
    row = (await frame.execute(insert(sagas).values(values).returning(sagas))).one()
    rows = [
        {"id": frame.ids.uuid(), "saga_id": row.id, "place": place} | structs.asdict(step)
        for place, step in enumerate(steps)
    ]
    await frame.execute(insert(saga_steps), rows)
    return _to_kept(row, steps)


async def change(frame: Frame, kept: Kept, **values: Any) -> Kept:
    """Change columns of the saga and take its next version."""
    return _to_kept(await change_row(frame, sagas, kept.uuid, **values), kept.steps)


async def change_step(frame: Frame, kept: Kept, place: int, **values: Any) -> Kept:
    """Change columns of a step."""
    query = update(saga_steps).where(saga_steps.c.saga_id == kept.uuid, saga_steps.c.place == place)
    row = (await frame.execute(query.values(**values).returning(saga_steps))).one()
    steps = [*kept.steps[:place], _to_step(row), *kept.steps[place + 1 :]]
    return structs.replace(kept, steps=steps)


async def page(frame: Frame, page: PageRequest, *, state: SagaState | None, subject: str) -> Page[Saga]:
    """One page of sagas."""
    query = matching(select(sagas), (sagas.c.state, state), (sagas.c.subject, subject))
    found = await page_of(frame, page, query, key=sagas.c.id, time=sagas.c.created_at, build=lambda row: row)
    steps = await _steps_of(frame, [row.id for row in found.items])
    return Page(items=[_to_kept(row, steps[row.id]).shown() for row in found.items], next=found.next)


async def waiting(frame: Frame, since: datetime) -> tuple[int, int]:
    """How many sagas are stuck, and how many others should have been looked at before an instant and were not."""
    row = await frame.first(_WAITING, {"since": since})
    return (0, 0) if row is None else (int(row.stuck), int(row.late))


async def _steps_of(frame: Frame, saga_ids: list[UUID]) -> dict[UUID, list[SagaStep]]:
    found: dict[UUID, list[SagaStep]] = {saga_id: [] for saga_id in saga_ids}
    query = select(saga_steps).where(saga_steps.c.saga_id.in_(saga_ids)).order_by(saga_steps.c.place)
    for row in await frame.all(query) if saga_ids else []:
        found[row.saga_id].append(_to_step(row))
    return found
