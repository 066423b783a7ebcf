"""A circuit breaker with the rules of opossum 10.0.0, each of them a test in tests/kit/test_breaker.py.

It has no timers: whoever looks at it first lets happen, in order and at its own instant, what time brought meanwhile
(calls that took too long, the turn from open to half-open). One breaker belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from rtp.kit.rolling import RollingCounts

T = TypeVar("T")
State = Literal["closed", "open", "half_open", "shut_down"]
Happening = Literal[
    "fire", "success", "failure", "timeout", "reject", "over_capacity", "fallback", "open", "half_open", "close"
]
Listener = Callable[[Happening, float], None]


class BreakerOpen(Exception):
    """The call was not begun, because too many before it failed; `retry_after` is when one may be, in seconds."""

    code = "EOPENBREAKER"

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"the breaker {name} is open")
        self.retry_after = retry_after


class OverCapacity(Exception):
    """The call was not begun, because as many as may be are under way."""

    code = "ESEMLOCKED"


class CallTimedOut(TimeoutError):
    """The call was begun and did not end in time."""

    code = "ETIMEDOUT"


class BreakerShutDown(Exception):
    """The breaker takes no calls any more."""

    code = "ESHUTDOWN"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When a breaker opens and how it closes again; times in seconds, `capacity` None is without a limit.

    `capacity_counts` tells whether a call over capacity counts as a failure, as with opossum. `warm_up` keeps it from
    opening during its first window.
    """

    timeout: float = 3.0
    error_percentage: float = 50
    reset: float = 30.0
    window: float = 10.0
    buckets: int = 10
    volume: int = 0
    capacity: int | None = None
    capacity_counts: bool = True
    warm_up: bool = False


class Ticket:
    """A call under way; once its deadline has passed, its outcome changes nothing any more."""

    __slots__ = ("begun", "deadline")

    def __init__(self, begun: float, timeout: float) -> None:
        self.begun = begun
        self.deadline = begun + timeout


class Breaker:
    """One peer's breaker; `listener` hears of everything that happens, with the instant at which it did.

    `filtered` tells of an error that it is the peer's proper answer: it counts as success and still reaches the caller.
    """

    def __init__(
        self,
        name: str,
        rules: Rules | None = None,
        *,
        filtered: Callable[[Exception], bool] = lambda _: False,
        listener: Listener = lambda _what, _at: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.rules = rules or Rules()
        self.enabled = True
        self.totals: Counter[str] = Counter()
        self._filtered = filtered
        self.listener = listener
        self._monotonic = monotonic
        self._born = monotonic()
        self._counts = RollingCounts(self._born, seconds=self.rules.window, buckets=self.rules.buckets)
        self._state: State = "closed"
        self._half_open_at = 0.0
        self._probe_free = False
        self._probe: Ticket | None = None
        self._running: set[Ticket] = set()

    @property
    def state(self) -> State:
        """Where it stands now."""
        self._catch_up()
        return self._state

    @property
    def retry_after(self) -> float:
        """Seconds until a call may pass again: until half-open, then until the probe ends at the latest; else 0."""
        now = self._catch_up()
        if self._state == "open":
            return self._half_open_at - now
        return self._probe.deadline - now if self._state == "half_open" and self._probe else 0.0

    def count(self, what: Happening) -> int:
        """How often something happened in the window."""
        return self._counts.total(what, self._catch_up())

    async def call(
        self,
        action: Callable[..., Awaitable[T]],
        *given: Any,
        fallback: Callable[..., Awaitable[T]] | None = None,
        seconds: float | None = None,
    ) -> T:
        """What the action gives; if it may not begin, fails or takes too long, what `fallback(*given, error)` gives.

        An action that takes too long is cancelled. Raises: BreakerOpen, OverCapacity, CallTimedOut, BreakerShutDown,
        and whatever the action or the fallback raises.
        """
        if not self.enabled and self._state != "shut_down":
            self._happen("fire", self._catch_up())
            return await action(*given)
        try:
            return await self._timed(action, given, self.begin(seconds))
        except BreakerShutDown:
            raise
        except Exception as error:
            if fallback is None or self._filtered(error):
                raise
            self._happen("fallback", self._catch_up())
            return await fallback(*given, error)

    async def _timed(self, action: Callable[..., Awaitable[T]], given: tuple[Any, ...], ticket: Ticket) -> T:
        limit = asyncio.timeout(ticket.deadline - self._monotonic())
        try:
            async with limit:
                result = await action(*given)
        except Exception as error:
            if limit.expired():
                self.expire(ticket)
                raise CallTimedOut(f"no answer within {ticket.deadline - ticket.begun:g} s") from error
            self.fail(ticket, error)
            raise
        except BaseException:
            self.abandon(ticket)
            raise
        self.succeed(ticket)  # an answer that came all the same is never kept from the caller
        return result

    def begin(self, seconds: float | None = None) -> Ticket:
        """Begin a call, which must then succeed, fail, expire or be abandoned; `seconds` is how long this one may take.

        Raises: BreakerOpen, OverCapacity, BreakerShutDown.
        """
        now = self._catch_up()
        if self._state == "shut_down":
            raise BreakerShutDown(f"the breaker {self.name} was shut down")
        self._happen("fire", now)
        if self._state != "closed" and not self._probe_free:
            self._happen("reject", now)
            raise BreakerOpen(self.name, self.retry_after)
        ticket = Ticket(now, self.rules.timeout if seconds is None else seconds)
        if self.rules.capacity is not None and len(self._running) >= self.rules.capacity:
            raise self._over_capacity(now)
        if self._probe_free:
            self._probe_free, self._probe = False, ticket
        self._running.add(ticket)
        return ticket

    def succeed(self, ticket: Ticket) -> None:
        """End a call with its result; also that of an old call closes a half-open breaker."""
        now = self._catch_up()
        if self._ended(ticket):
            self._succeeded(now)

    def fail(self, ticket: Ticket, error: Exception) -> None:
        """End a call with an error."""
        now = self._catch_up()
        if self._ended(ticket):
            self._settle(error, now)

    def expire(self, ticket: Ticket) -> None:
        """End a call that took too long."""
        now = self._catch_up()
        if self._ended(ticket):
            self._time_out(now)

    def abandon(self, ticket: Ticket) -> None:
        """End a call whose caller went away: it says nothing of the peer, and a probe's place is free again."""
        self._catch_up()
        if self._ended(ticket) and self._probe is ticket:
            self._probe_free, self._probe = True, None

    def open(self) -> None:
        """Open it by hand."""
        now = self._catch_up()
        if self._state not in ("open", "shut_down"):
            self._open(now)

    def close(self) -> None:
        """Close it by hand; what was counted stays, so that the next failure may open it again."""
        now = self._catch_up()
        if self._state not in ("closed", "shut_down"):
            self._turn("closed", "close", now)

    def shut_down(self) -> None:
        """Take no calls any more; what is under way ends without being counted."""
        self._catch_up()
        self._state = "shut_down"
        self._running.clear()

    def _catch_up(self) -> float:
        """Let happen what time brought since the last look; now."""
        now = self._monotonic()
        while True:
            late = min(self._running, key=lambda ticket: ticket.deadline, default=None)
            turns_at = self._half_open_at if self._state == "open" else now + 1
            if late is not None and late.deadline <= min(now, turns_at):
                self._running.remove(late)
                self._time_out(late.deadline)
            elif turns_at <= now:
                self._turn("half_open", "half_open", turns_at)
            else:
                return now

    def _ended(self, ticket: Ticket) -> bool:
        """Whether the call was still under way until now."""
        known = ticket in self._running
        self._running.discard(ticket)
        return known

    def _over_capacity(self, now: float) -> OverCapacity:
        error = OverCapacity(f"{len(self._running)} calls of {self.name} are under way")
        self._happen("over_capacity", now)
        if self.rules.capacity_counts:
            self._settle(error, now)
        return error

    def _time_out(self, at: float) -> None:
        self._happen("timeout", at)
        self._settle(CallTimedOut(), at)

    def _settle(self, error: Exception, at: float) -> None:
        if self._filtered(error):
            self._succeeded(at)
        else:
            self._happen("failure", at)
            if self._must_open(at):
                self._open(at)

    def _succeeded(self, at: float) -> None:
        self._happen("success", at)
        if self._state == "half_open":
            self._turn("closed", "close", at)

    def _must_open(self, at: float) -> bool:
        if self._state == "open" or (self.rules.warm_up and at - self._born < self.rules.window):
            return False
        if self._state == "half_open":
            return True
        fires, failures = self._counts.total("fire", at), self._counts.total("failure", at)
        return fires >= self.rules.volume and failures * 100 > self.rules.error_percentage * fires

    def _open(self, at: float) -> None:
        self._half_open_at = at + self.rules.reset
        self._turn("open", "open", at)

    def _turn(self, state: State, what: Happening, at: float) -> None:
        self._state, self._probe_free, self._probe = state, state == "half_open", None
        self._happen(what, at)

    def _happen(self, what: Happening, at: float) -> None:
        self._counts.add(what, at)
        self.totals[what] += 1
        self.listener(what, at)
