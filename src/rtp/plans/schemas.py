"""The operations on plans."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from rtp.operations import Operation, Plan, read, write


class Asked(Struct, kw_only=True):
    """The request behind a plan: what fills its path, and its body where that is one thing and not lines."""

    path: dict[str, str]
    body: Any = None


class PlanDetail(Plan, kw_only=True):
    """A plan with the request that it is of."""

    asked: Asked | None = None


SHOW = read("plans.show", "/plans/{plan}", PlanDetail)
APPLY: Operation[Any, Any] = write("plans.apply", "POST", "/plans/{plan}/apply", object)
"""Answers what the planned operation answers."""
