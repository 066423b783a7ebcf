"""Every query on plugins' settings."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from rtp.db.frame import Frame
from rtp.plugins.model import plugin_settings

T = TypeVar("T")


async def load(frame: Frame, plugin: str, kind: type[T], *, lock: bool = False) -> tuple[T, int]:
    """What a plugin keeps, as `kind`, and how often it was changed; an empty `kind()` and 0 when it keeps nothing."""
    query = select(plugin_settings).where(plugin_settings.c.name == plugin)
    row = await frame.first(query.with_for_update() if lock else query)
    return (kind(), 0) if row is None else (msgspec.convert(row.value, kind), row.version)


async def save(frame: Frame, plugin: str, value: Any) -> int:
    """Keep a plugin's settings; the value is their new version."""
    values = {"name": plugin, "value": msgspec.to_builtins(value), "updated_at": frame.now}
    query = insert(plugin_settings).values(values)
    changes = {
        "value": query.excluded.value,
        "updated_at": query.excluded.updated_at,
        "version": plugin_settings.c.version + 1,
    }
    query = query.on_conflict_do_update(index_elements=["name"], set_=changes)
    row = await frame.first(query.returning(plugin_settings.c.version))
    assert row is not None
    return int(row.version)
