"""The operations on plans."""

from __future__ import annotations

from typing import Any

from rtp.operations import Operation, Plan, read, write

SHOW = read("plans.show", "/plans/{plan}", Plan)
APPLY: Operation[Any, Any] = write("plans.apply", "POST", "/plans/{plan}/apply", object)
"""Answers what the planned operation answers."""
