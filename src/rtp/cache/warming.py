"""Warming: reading ahead what members and staff will ask for, in chunks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rtp.cache.errors import CacheOff
from rtp.cache.schemas import CacheClass, Warm, Warmed
from rtp.cache.service import Warmer
from rtp.db.frame import Frame
from rtp.entitlements import service as entitlements
from rtp.errors import InvalidInput
from rtp.kit.ids import WrongId
from rtp.products import service as products

Warmers = Callable[[Frame, CacheClass | None, str, int], Awaitable[tuple[list[Warmer], int]]]
WARMERS: tuple[tuple[str, Warmers], ...] = (("products", products.warmers), ("entitlements", entitlements.warmers))
"""Who names keys to warm, area by area: those of a class after a place, at most so many, and how many are left then."""


async def warm(frame: Frame, request: Warm) -> Warmed:
    """Read the next keys through the cache; a dry run only names them.

    Raises: CacheOff, CacheUnavailable, InvalidInput.
    """
    if frame.cache is None:
        raise CacheOff()
    await frame.cache.ping()
    chunk, following, left = await _next(frame, request)
    if not frame.dry_run:
        frame.caching = "refresh"  # it changed nothing yet: what it reads is what is committed
        for one in chunk:
            await one.load()
    frame.record("cache.warmed", "cache", 0, after={"keys": [one.key for one in chunk]})
    return Warmed(done=len(chunk), left=left, next=following if left else None)


async def _next(frame: Frame, request: Warm) -> tuple[list[Warmer], str, int]:
    """The chunk, where it ended (`area|place`), and how many keys come after it."""
    begun, _, place = request.after.partition("|")
    known = [*WARMERS, *(frame.cache.warmers if frame.cache else ())]
    names = [name for name, _ in known]
    if begun and begun not in names:
        raise _no_place()
    chunk: list[Warmer] = []
    following, left = request.after, 0
    for name, warmers in known[names.index(begun) if begun else 0 :]:
        after = place if name == begun else ""
        try:
            found, more = await warmers(frame, request.class_, after, request.limit - len(chunk))
        except WrongId as error:
            raise _no_place() from error
        chunk += found
        left += more
        if found:
            following = f"{name}|{found[-1].place}"
    return chunk, following, left


def _no_place() -> InvalidInput:
    return InvalidInput(what="after is not the `next` of an earlier answer", fields={"after": "not a place"})
