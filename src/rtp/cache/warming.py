"""Warming: reading ahead what members and staff will ask for, in chunks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rtp.cache.errors import CacheOff
from rtp.cache.schemas import Warm, Warmed
from rtp.cache.service import Warmer
from rtp.db.frame import Frame
from rtp.products import service as products

WARMERS: tuple[Callable[[Frame], Awaitable[list[Warmer]]], ...] = (products.warmers,)
"""Who names keys to warm, area by area."""


async def warm(frame: Frame, request: Warm) -> Warmed:
    """Read the next keys through the cache; a dry run only names them.

    Raises: CacheOff, CacheUnavailable.
    """
    if frame.cache is None:
        raise CacheOff()
    await frame.cache.ping()
    left = await _wanted(frame, request)
    chunk, rest = left[: request.limit], left[request.limit :]
    if not frame.dry_run:
        frame.caching = "refresh"  # it changed nothing yet: what it reads is what is committed
        for one in chunk:
            await one.load()
    keys = [one.key for one in chunk]
    frame.record("cache.warmed", "cache", 0, after={"keys": keys})
    return Warmed(done=len(chunk), left=len(rest), next=keys[-1] if rest else None)


async def _wanted(frame: Frame, request: Warm) -> list[Warmer]:
    found = [one for warmers in WARMERS for one in await warmers(frame)]
    wanted = [one for one in found if request.class_ in (None, one.class_) and one.key > request.after]
    return sorted(wanted, key=lambda one: one.key)
