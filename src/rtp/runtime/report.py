"""The lines a starting supervisor sends to whoever ran `rtp up`."""

from __future__ import annotations

import os

import msgspec

from rtp.errors import Problem
from rtp.runtime.state import ServiceState


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A service changed, everything is up, or starting failed."""

    service: ServiceState | None = None
    ready: bool = False
    problem: Problem | None = None


class Reporter:
    """Sends reports to a pipe until everything is up or nobody listens any more."""

    def __init__(self, number: int) -> None:
        self.number = number

    def send(self, report: Report) -> None:
        """Write one line."""
        if self.number < 0:
            return
        try:
            os.write(self.number, msgspec.json.encode(report) + b"\n")
        except BrokenPipeError:
            self.number = -1
            return
        if report.ready:
            os.close(self.number)
            self.number = -1
