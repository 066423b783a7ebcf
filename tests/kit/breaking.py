"""A breaker on a clock that is moved by hand, and the replay of what opossum did with the same calls."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from rtp.kit.breaker import Breaker, BreakerOpen, BreakerShutDown, OverCapacity, Rules, Ticket

CODES = {BreakerOpen: "EOPENBREAKER", OverCapacity: "ESEMLOCKED", BreakerShutDown: "ESHUTDOWN"}


class Filtered(Exception):
    """A peer's proper refusal."""


class Failed(Exception):
    """A peer's failure."""


class Replay:
    """One breaker, the milliseconds that its clock shows, and everything it told."""

    def __init__(self, **rules: Any) -> None:
        self.millis = 0
        self.happenings: list[list[Any]] = []
        self.breaker = Breaker(
            "tests",
            Rules(**rules),
            filtered=lambda error: isinstance(error, Filtered),
            listener=lambda what, at: self.happenings.append([round(at), what]),
            monotonic=lambda: float(self.millis),
        )

    def names(self) -> list[str]:
        """What happened, without the instants."""
        return [str(what) for _, what in self.happenings]

    def at(self, millis: int) -> Replay:
        """Move the clock forward."""
        assert millis >= self.millis
        self.millis = millis
        return self

    def begin(self, millis: int | None = None) -> Ticket:
        """Begin a call."""
        self.at(self.millis if millis is None else millis)
        return self.breaker.begin()

    def refused(self, millis: int | None = None) -> str:
        """The code with which a call is not begun."""
        try:
            self.begin(millis)
        except (BreakerOpen, OverCapacity, BreakerShutDown) as error:
            return CODES[type(error)]
        raise AssertionError("the call was begun")

    def succeeds(self, millis: int | None = None) -> None:
        """A call that succeeds at once."""
        self.breaker.succeed(self.begin(millis))

    def fails(self, millis: int | None = None) -> None:
        """A call that fails at once."""
        self.breaker.fail(self.begin(millis), Failed())

    def state(self, millis: int | None = None) -> str:
        """Where it stands, now or then."""
        return self.at(self.millis if millis is None else millis).breaker.state


def rules_of(theirs: dict[str, Any]) -> dict[str, Any]:
    """opossum's options as ours, in milliseconds."""
    return {
        "timeout": theirs["timeout"],
        "reset": theirs.get("resetTimeout", 30_000),
        "error_percentage": theirs.get("errorThresholdPercentage", 50),
        "window": theirs.get("rollingCountTimeout", 10_000),
        "buckets": theirs.get("rollingCountBuckets", 10),
        "volume": theirs.get("volumeThreshold", 0),
        "capacity": theirs.get("capacity"),
        "warm_up": theirs.get("allowWarmUp", False),
    }


def replayed(given: dict[str, Any]) -> dict[str, Any]:
    """What our breaker does with a scenario that opossum was given."""
    replay = Replay(**rules_of(given["rules"]))
    breaker, looks, order = replay.breaker, [], itertools.count()
    queue: list[tuple[int, int, Callable[[], None]]] = []

    def later(millis: int, act: Callable[[], None]) -> None:
        heapq.heappush(queue, (millis, next(order), act))

    def call(step: dict[str, Any]) -> None:
        if not breaker.enabled and breaker.state != "shut_down":
            breaker._happen("fire", breaker._catch_up())  # what `call` does, which runs the action bare
            return
        try:
            ticket = breaker.begin()
        except (BreakerOpen, OverCapacity, BreakerShutDown):
            return
        ends = {
            "success": lambda: breaker.succeed(ticket),
            "failure": lambda: breaker.fail(ticket, Failed()),
            "filtered": lambda: breaker.fail(ticket, Filtered()),
        }
        if step["ends"] in ends:
            later(step["at"] + step["after"], ends[step["ends"]])

    def look(step: dict[str, Any]) -> None:
        state = breaker.state
        counts = {name: breaker.count(name) for name in ("fire", "failure", "success", "timeout", "reject")}
        looks.append({"at": step["at"], "state": state, "counts": counts})

    def disable(step: dict[str, Any]) -> None:
        breaker.enabled = False

    does: dict[str, Callable[[dict[str, Any]], None]] = {
        "call": call, "look": look, "disable": disable, "open": lambda _: breaker.open(),
        "close": lambda _: breaker.close(), "shutdown": lambda _: breaker.shut_down(),
    }  # fmt: skip
    for step in given["steps"]:
        later(step["at"], partial(does[step["do"]], step))
    while queue and queue[0][0] <= given["until"]:
        millis, _, act = heapq.heappop(queue)
        replay.at(millis)
        act()
    replay.state(given["until"])
    return {"happenings": [one for one in replay.happenings if one[0] <= given["until"]], "looks": looks}
