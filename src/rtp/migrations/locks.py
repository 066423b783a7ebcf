"""Lock modes of tables in order, what each blocks, and what a statement was found to do (PostgreSQL, table 13.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from rtp.migrations.schemas import Blocks, LockMode

MODES: tuple[LockMode, ...] = get_args(LockMode)
"""Weakest first."""
BLOCKS: dict[LockMode, Blocks] = {
    "AccessShareLock": "nothing",
    "RowShareLock": "nothing",
    "RowExclusiveLock": "nothing",
    "ShareUpdateExclusiveLock": "schema changes",
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads and writes",
}


@dataclass(frozen=True)
class Effect:
    """What one statement does to tables that were there before: by name."""

    locks: dict[str, LockMode] = field(default_factory=dict)
    rewrites: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)
    by: Literal["measured", "rule", "unknown"] = "measured"


def strongest(modes: Iterable[LockMode]) -> LockMode:
    """The strongest of some modes."""
    return max(modes, key=MODES.index)
