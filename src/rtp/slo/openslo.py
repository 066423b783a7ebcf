"""OpenSLO v1 as we read it (https://openslo.com/spec), and what a metric source of type `rtp` says."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from rtp.telemetry.schemas import Method, Patterns

Kind = Literal[
    "SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"
]  # fmt: skip
Number = Decimal | int
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
Op = Literal["lte", "lt", "gte", "gt"]


class Metadata(Struct, kw_only=True, forbid_unknown_fields=True):
    """What every object is called; `rtp.dev/min-events` among the annotations is the least number for a verdict."""

    name: Name
    displayName: str = ""  # noqa: N815 - OpenSLO's spelling
    labels: dict[str, Any] = {}
    annotations: dict[str, str] = {}


class RequestSource(Struct, kw_only=True, forbid_unknown_fields=True):
    """`spec` of a metric source of type rtp: requests by route, method and comparison, such as `status: "< 500"`."""

    routes: Patterns = []
    exclude: Patterns = []
    methods: list[Method] = []
    status: str = ""
    duration_ms: str = ""
    field: Literal["duration_ms", "status"] | UnsetType = UNSET


class MetricSource(Struct, kw_only=True, forbid_unknown_fields=True):
    """Where a metric comes from."""

    metricSourceRef: str = ""  # noqa: N815
    type: str = ""
    spec: RequestSource


class Metric(Struct, kw_only=True, forbid_unknown_fields=True):
    """A metric by its source."""

    metricSource: MetricSource  # noqa: N815


class RatioMetric(Struct, kw_only=True, forbid_unknown_fields=True):
    """Good or bad events out of all."""

    total: Metric
    good: Metric | None = None
    bad: Metric | None = None
    counter: bool = False


class SliSpec(Struct, kw_only=True, forbid_unknown_fields=True):
    """A service level indicator: a ratio, or a value to be compared by each objective."""

    description: str = ""
    ratioMetric: RatioMetric | None = None  # noqa: N815
    thresholdMetric: Metric | None = None  # noqa: N815


class Indicator(Struct, kw_only=True, forbid_unknown_fields=True):
    """An indicator inside an SLO."""

    metadata: Metadata
    spec: SliSpec


class TimeWindow(Struct, kw_only=True, forbid_unknown_fields=True):
    """The period: only rolling ones are judged."""

    duration: str
    isRolling: bool = False  # noqa: N815
    calendar: Any = None


class Objective(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is promised; `op` and `value` go with a thresholdMetric."""

    displayName: str = ""  # noqa: N815
    target: Number | None = None
    targetPercent: Number | None = None  # noqa: N815
    op: Op | None = None
    value: Number | None = None


class SloSpec(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of an SLO."""

    service: str
    timeWindow: Annotated[list[TimeWindow], Meta(min_length=1, max_length=1)]  # noqa: N815
    budgetingMethod: Literal["Occurrences", "Timeslices", "RatioTimeslices"]  # noqa: N815
    objectives: Annotated[list[Objective], Meta(min_length=1, max_length=20)]
    description: str = ""
    indicator: Indicator | None = None
    indicatorRef: str = ""  # noqa: N815
    alertPolicies: list[Any] = []  # noqa: N815


class Thing(Struct, kw_only=True):
    """What any document says of itself, before it is read as what it is."""

    apiVersion: Literal["openslo/v1"]  # noqa: N815
    kind: Kind
    metadata: Metadata


class Slo(Struct, kw_only=True, forbid_unknown_fields=True):
    """A document of kind SLO."""

    apiVersion: str  # noqa: N815
    kind: str
    metadata: Metadata
    spec: SloSpec


class Sli(Struct, kw_only=True, forbid_unknown_fields=True):
    """A document of kind SLI, which an SLO names by `indicatorRef`."""

    apiVersion: str  # noqa: N815
    kind: str
    metadata: Metadata
    spec: SliSpec
