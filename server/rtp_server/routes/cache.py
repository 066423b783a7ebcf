"""Routes of the cache."""

from __future__ import annotations

from rtp.cache import schemas, service, warming
from rtp.cache.schemas import CacheEntry, CacheStats, Purged, Warm, Warmed
from rtp.db.frame import Frame
from rtp_server.operation import operation


@operation(schemas.STATS)
async def stats(frame: Frame) -> CacheStats:
    """Show hits, misses, errors and keys of each class."""
    return await service.stats(frame)


@operation(schemas.SHOW)
async def show(frame: Frame, key: str) -> CacheEntry:
    """Show one entry."""
    return await service.show(frame, key)


@operation(schemas.PURGE)
async def purge(frame: Frame, tag: str) -> Purged:
    """Drop everything that bears a tag."""
    return await service.purge(frame, tag)


@operation(schemas.WARM)
async def warm(frame: Frame, data: Warm) -> Warmed:
    """Read ahead what will be asked for."""
    return await warming.warm(frame, data)


HANDLERS = (stats, show, purge, warm)
