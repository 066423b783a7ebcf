"""Waiting in tests for what comes to hold by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 120.0


def eventually(what: str, condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Wait until a condition holds; what it gave.

    Raises: AssertionError, which names what did not come true.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"this did not come true within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found
