"""One request of the history, and what can be asked about many of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

Field = Literal["status", "duration_ms"]
Operator = Literal["lt", "lte", "gt", "gte"]
Pattern = Annotated[str, Meta(min_length=1, max_length=200)]
Patterns = Annotated[list[Pattern], Meta(max_length=50)]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class RequestRecord(NamedTuple):
    """One finished request: `route` is its path's template, `duration_ms` has two decimals, as in the access log."""

    at: datetime
    method: str
    route: str
    status: int
    duration_ms: float
    request_id: str
    actor_kind: str


class Comparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field against a number: status, or milliseconds from the first byte to the last."""

    field: Field
    op: Operator
    value: float


class Selection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests: routes by template, where `*` stands for anything; all comparisons must hold."""

    routes: Patterns = []
    exclude: Patterns = []
    methods: Annotated[list[Method], Meta(max_length=7)] = []
    comparisons: Annotated[list[Comparison], Meta(max_length=10)] = []


class Counts(Struct, frozen=True, kw_only=True):
    """How many requests were selected, and how many of them are of the narrower selection, too."""

    total: int
    narrower: int
