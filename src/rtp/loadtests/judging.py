"""From locust's figures to a judged run, with what has to be known to read it."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path

from rtp.loadtests import policy, running
from rtp.loadtests.profiles import Profile, shown_target
from rtp.loadtests.running import Ended
from rtp.loadtests.schemas import EXIT_CODES, LoadRun

CLOSED = (
    "Closed model: each user waits for its answer before it asks again, so a stalled server is asked less; time from "
    "the intended start is not measured (coordinated omission), and percentiles of a stall are too low."
)
ROUNDED = (
    "Locust keeps times to two significant digits; a percentile here is the upper end of its range (at most +5 %)."
)
BUSY = "Locust's own processor was too busy, by its own word: times are too high, and the load too low."
RAISED = "The locustfile raised exceptions; locust.log in the run's folder has them."
CUT = "It did not end in time and was cut off."


def judge(profile: Profile, folder: Path, ended: Ended, *, run_id: str, begun: datetime, now: datetime,
          target: str) -> LoadRun:  # fmt: skip
    """The run with its verdict."""
    found = running.figures(folder)
    parts = policy.by_name(found or [])
    total = parts[policy.TOTAL]
    seconds = min(ended.seconds, float(profile.seconds)) if ended.by is None else ended.seconds
    results = [policy.judge(one, parts.get(one.name), seconds) for one in profile.thresholds]
    crashed = found is None or ended.code != 0 or ended.cut
    verdict = policy.verdict(total.requests, results, crashed=crashed, interrupted=ended.by is not None)
    code = 143 if ended.by is signal.SIGTERM else EXIT_CODES[verdict]
    return LoadRun(
        id=run_id,
        name=profile.name,
        verdict=verdict,
        exit_code=code,
        started_at=begun,
        ended_at=now,
        users=profile.users,
        spawn_rate=profile.spawn_rate,
        seconds=round(seconds, 1),
        role=profile.role,
        target=shown_target(target),
        requests=total.requests,
        failures=total.failures,
        thresholds=results,
        stats=[policy.figures(part, seconds) for part in parts.values() if part.requests],
        notes=_notes(running.said(folder), ended),
    )


def _notes(said: str, ended: Ended) -> list[str]:
    notes = [CLOSED, ROUNDED]
    if "CPU usage" in said:
        notes.append(BUSY)
    if "Traceback (most recent call last)" in said:
        notes.append(RAISED)
    if ended.cut:
        notes.append(CUT)
    return notes
