"""What crosses the API about experiments, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.text import Short
from rtp.operations import listing, read, write

Verdict = Literal["held", "deviated", "not steady", "rollback failed", "interrupted", "not judged"]
EXIT_CODES: dict[Verdict, int] = {
    "held": 0,
    "deviated": 10,
    "not steady": 11,
    "not judged": 11,
    "rollback failed": 12,
    "interrupted": 130,
}
Digest = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")]
RunId = Annotated[str, Meta(pattern=r"^run_[0-9A-HJKMNP-TV-Z]{26}$")]
Reasons = Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=50)]


class Experiment(Struct, kw_only=True):
    """An experiment as a file; `problems` says why it could not be run, `seconds` is the longest it may take."""

    name: str
    title: str
    source: str
    path: str
    seconds: float
    tags: list[str] = []
    problems: list[str] = []


class Target(Struct, kw_only=True):
    """What an activity would touch: a service of the instance with its pid, or a whole service by name."""

    activity: str
    action: str
    target: str
    pid: int | None = None
    arguments: str = ""


class RunPlan(Struct, kw_only=True):
    """What a dry run found; nothing was touched. `seconds` is the longest the run may take."""

    name: str
    title: str
    path: str
    environment: str
    seconds: float
    hypothesis: list[str]
    targets: list[Target]
    rollbacks: list[str]


class RecordRun(Struct, kw_only=True, forbid_unknown_fields=True):
    """A run to be remembered: what was run, how it ended, and the digest of the journal that proves it."""

    name: Short
    id: RunId | None = None
    verdict: Verdict = "not judged"
    rollbacks: Literal["verified", "failed", "not needed"] = "not needed"
    reasons: Reasons = []
    journal: Digest = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class ChaosRun(Struct, kw_only=True):
    """A finished run: `rollbacks` are verified when the hypothesis held again after them."""

    id: str
    name: str
    verdict: Verdict
    exit_code: int
    rollbacks: Literal["verified", "failed", "not needed"]
    reasons: list[str]
    journal: str
    started_at: datetime
    ended_at: datetime


LIST = listing("chaos.list", "/chaos/experiments", Experiment)
HISTORY = listing("chaos.history", "/chaos/runs", ChaosRun)
SHOW = read("chaos.show", "/chaos/runs/{run}", ChaosRun)
RECORD = write("chaos.record", "POST", "/chaos/runs", ChaosRun, body=RecordRun, status=201)
