"""What crosses the API about load tests, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.text import Short
from rtp.operations import listing, read, write

Verdict = Literal["held", "missed", "no data", "crashed", "interrupted"]
EXIT_CODES: dict[Verdict, int] = {"held": 0, "missed": 10, "no data": 11, "crashed": 1, "interrupted": 130}
Outcome = Literal["held", "missed", "no samples"]
RunRole = Literal["viewer", "support"]
MAX_USERS = 500
MAX_SECONDS = 600
Users = Annotated[int, Meta(ge=1, le=MAX_USERS)]
Seconds = Annotated[int, Meta(ge=1, le=MAX_SECONDS)]
Text = Annotated[str, Meta(max_length=500)]


class LoadTest(Struct, kw_only=True):
    """A load test that can be run by its name; `problem` says why it could not."""

    name: str
    description: str
    role: str
    users: int
    seconds: int
    thresholds: int
    source: str
    path: str
    problem: str = ""


class LoadPlan(Struct, kw_only=True):
    """What a dry run found; nothing was asked of the server but who we are."""

    name: str
    locustfile: str
    target: str
    environment: str
    role: RunRole
    users: int
    spawn_rate: float
    seconds: int
    thresholds: list[str]


class ThresholdResult(Struct, kw_only=True, forbid_unknown_fields=True):
    """One judged threshold, of all requests or of those of one name."""

    name: Text
    threshold: Text
    measured: Text
    outcome: Outcome


class RequestStats(Struct, kw_only=True, forbid_unknown_fields=True):
    """The figures of one name in milliseconds; percentiles are upper bounds, see the run's notes."""

    name: Text
    requests: int
    failures: int
    error_percent: float
    rps: float
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class StartLoad(Struct, kw_only=True, forbid_unknown_fields=True):
    """A run about to begin: it gets a token of this role that ends by itself after an hour."""

    name: Short
    role: RunRole = "viewer"
    users: Users = 1
    seconds: Seconds = 1
    target: Text = ""


class StartedLoad(Struct, kw_only=True):
    """A run that may begin, with the secret of its token."""

    id: str
    name: str
    role: RunRole
    token_id: str
    token: str


class LoadRun(Struct, kw_only=True, forbid_unknown_fields=True):
    """A finished run: what was asked, what was measured, and how each threshold was judged."""

    name: Short
    id: Annotated[str, Meta(pattern=r"^(run_[0-9A-HJKMNP-TV-Z]{26})?$")] = ""
    verdict: Verdict = "no data"
    exit_code: int = 11
    started_at: datetime | None = None
    ended_at: datetime | None = None
    users: int = 0
    spawn_rate: float = 0.0
    seconds: float = 0.0
    role: RunRole = "viewer"
    target: Text = ""
    requests: int = 0
    failures: int = 0
    thresholds: Annotated[list[ThresholdResult], Meta(max_length=200)] = []
    stats: Annotated[list[RequestStats], Meta(max_length=200)] = []
    notes: Annotated[list[Text], Meta(max_length=20)] = []


LIST = listing("loadtests.list", "/loadtests", LoadTest)
HISTORY = listing("loadtests.history", "/loadtests/runs", LoadRun)
SHOW = read("loadtests.show", "/loadtests/runs/{run}", LoadRun)
FINISH = write("loadtests.finish", "POST", "/loadtests/runs/finish", LoadRun, body=LoadRun)
START = write("loadtests.start", "POST", "/loadtests/runs", StartedLoad, body=StartLoad, status=201, secret="token")
