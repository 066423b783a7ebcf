"""Tells of this process's circuit breakers: each move at once, the counts every few seconds; carries out resets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from time import monotonic

import structlog

from rtp.breakers import policy, service
from rtp.breakers.schemas import Circuit, Move, Reading
from rtp.db.frames import Frames
from rtp.errors import RtpError
from rtp.kit import trace
from rtp.kit.breaker import Breaker, Happening
from rtp.permissions import WORKER

log = structlog.get_logger("rtp.breakers")
BEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""How often orders are looked for: only while a breaker is not closed, as nothing else can be reset."""
MOVES: dict[Happening, Circuit] = {"open": "open", "half_open": "half_open", "close": "closed"}


class Watched:
    """One breaker, the moves that were not reported yet, and the resets that were carried out."""

    def __init__(self, breaker: Breaker, moved: asyncio.Event) -> None:
        self.breaker = breaker
        self.moves: deque[tuple[Circuit, float]] = deque()
        self.resets_done = 0
        self._circuit: Circuit = "closed"
        self._since = monotonic()
        self._moved = moved
        breaker.listener = self._heard

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return self.breaker.state == "closed"

    def reading(self) -> Reading:
        """What there is to report now."""
        breaker = self.breaker
        waits = breaker.retry_after if breaker.state == "open" else 0.0  # looking lets happen what time brought
        now = monotonic()
        return Reading(
            name=breaker.name,
            circuit=self._circuit,
            since_seconds=now - self._since,
            half_open_in=waits,
            fires=breaker.count("fire"),
            failures=breaker.count("failure"),
            calls=policy.outcomes(breaker.totals, capacity_counts=breaker.rules.capacity_counts),
            moves=[Move(to=to, seconds_ago=now - at) for to, at in self.moves],
            resets_done=self.resets_done,
        )

    def obey(self, asked: int) -> None:
        """Close the breaker if that was asked for since the last time."""
        if asked > self.resets_done:
            log.info("a breaker is reset by hand", breaker=self.breaker.name)
            self.breaker.close()
            self.resets_done = asked
            self._moved.set()

    def _heard(self, what: Happening, at: float) -> None:
        if (to := MOVES.get(what)) is not None:
            self._circuit, self._since = to, at
            self.moves.append((to, at))
            self._moved.set()


async def run(frames: Frames, breakers: Sequence[Breaker], process: str, stop: asyncio.Event) -> None:
    """Report until told to stop; while the database is away nothing is lost, only told later."""
    moved = asyncio.Event()
    watched = [Watched(breaker, moved) for breaker in breakers]
    open_frame = partial(frames.writing, operation="breakers", principal=WORKER)
    while not stop.is_set():
        moved.clear()
        try:
            await once(frames, watched, process)
        except RtpError as error:
            log.warning("breakers are told of later", error=error.message)
        calm = all(one.closed for one in watched)
        await _first_of(moved, stop, BEAT_SECONDS if calm else LOOK_SECONDS)
    try:
        async with open_frame(trace=trace.start()) as frame:
            await service.leave(frame, process)
    except RtpError as error:
        log.warning("the breakers of this process stay listed for a minute", error=error.message)


async def once(frames: Frames, watched: Sequence[Watched], process: str) -> None:
    """Report all of them in one transaction, and close those that an operator asked to close."""
    readings = [one.reading() for one in watched]
    async with frames.writing(operation="breakers", principal=WORKER, trace=trace.start()) as frame:
        asked = await service.report(frame, process, readings)
    for one, reading in zip(watched, readings, strict=True):
        for _ in reading.moves:
            one.moves.popleft()
        one.obey(asked[reading.name])


async def _first_of(moved: asyncio.Event, stop: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(moved.wait()), asyncio.ensure_future(stop.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()
