"""Reports of experiments, load tests and service levels as files: `rtp.reports.write("html:FILE", report)`."""

from __future__ import annotations

from rtp.reports.model import Check, Moment, Report, Section, Table
from rtp.reports.writing import FORMATS, Target, parse, render, write

__all__ = ["FORMATS", "Check", "Moment", "Report", "Section", "Table", "Target", "parse", "render", "write"]
