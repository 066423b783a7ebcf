"""Every query on breakers. Whether a process still lives is told by the database's clock."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from rtp.breakers.model import breakers
from rtp.breakers.schemas import Breaker, Circuit, Reading
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.kit import ids
from rtp.operations import Page

SILENT = "interval '1 minute'"
"""A process that reported nothing for so long is gone; it reports every few seconds."""

_ALIVE = breakers.c.seen_at > func.clock_timestamp() - text(SILENT)


def _to_breaker(row: Row[Any]) -> Breaker:
    return Breaker(
        id=ids.show("brk", row.id),
        name=row.name,
        process=row.process,
        circuit=row.circuit,
        since=row.since,
        half_open_at=row.half_open_at,
        fires=row.fires,
        failures=row.failures,
        calls=row.calls,
        reset="asked" if row.resets_asked > row.resets_done else "none",
        version=row.version,
        seen_at=row.seen_at,
    )


def named(key: str) -> ColumnElement[bool]:
    """The rows behind a name or an id.

    Raises: WrongId.
    """
    return breakers.c.id == ids.parse("brk", key) if key.startswith("brk_") else breakers.c.name == key


async def put(frame: Frame, process: str, reading: Reading) -> tuple[Breaker, int]:
    """Write what a process reports; the row, and how often a reset was asked of it."""
    values = {
        "name": reading.name,
        "process": process,
        "circuit": reading.circuit,
        "fires": reading.fires,
        "failures": reading.failures,
        "calls": reading.calls,
        "resets_done": reading.resets_done,
        "since": frame.after(-reading.since_seconds),
        "half_open_at": frame.after(reading.half_open_in) if reading.circuit == "open" else None,
        "seen_at": func.clock_timestamp(),
    }
    query = upsert(breakers).values(id=frame.ids.uuid(), version=1 + len(reading.moves), **values)
    query = query.on_conflict_do_update(
        constraint="uq_breakers_name_process", set_=values | {"version": breakers.c.version + len(reading.moves)}
    )
    row = (await frame.execute(query.returning(breakers))).one()
    return _to_breaker(row), row.resets_asked


async def forget(frame: Frame, process: str) -> None:
    """Delete the rows of a process that ends."""
    await frame.execute(delete(breakers).where(breakers.c.process == process))


async def forget_silent(frame: Frame) -> None:
    """Delete the rows of processes that are gone."""
    await frame.execute(delete(breakers).where(~_ALIVE))


async def of_key(frame: Frame, key: str, *, lock: bool = False) -> list[Breaker]:
    """The breakers of living processes behind a name or an id, by process.

    Raises: WrongId.
    """
    query = select(breakers).where(named(key), _ALIVE).order_by(breakers.c.name, breakers.c.process)
    return [_to_breaker(row) for row in await frame.all(query.with_for_update() if lock else query)]


async def every(frame: Frame) -> list[Breaker]:
    """The breakers of all living processes, by name and process."""
    query = select(breakers).where(_ALIVE).order_by(breakers.c.name, breakers.c.process)
    return [_to_breaker(row) for row in await frame.all(query)]


async def ask_reset(frame: Frame, breaker_id: UUID) -> Breaker:
    """Write an order into a breaker's row."""
    query = update(breakers).where(breakers.c.id == breaker_id)
    query = query.values(resets_asked=breakers.c.resets_asked + 1, version=breakers.c.version + 1)
    return _to_breaker((await frame.execute(query.returning(breakers))).one())


async def page(frame: Frame, page: PageRequest, *, circuit: Circuit | None) -> Page[Breaker]:
    """One page of the breakers of living processes."""
    query = matching(select(breakers).where(_ALIVE), (breakers.c.circuit, circuit))
    return await page_of(
        frame,
        page,
        query,
        key=breakers.c.id,
        sorts={"name": breakers.c.name, "since": breakers.c.since},
        default="name",
        time=breakers.c.since,
        build=_to_breaker,
    )
