"""SLO files: the shipped ones are in order, and each mistake is found at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtp.kit.data_files import SHIPPED, shipped_root
from rtp.slo import documents
from rtp.telemetry.schemas import Comparison, Selection

EXAMPLES = sorted((shipped_root() / SHIPPED["slos"]).glob("*.yaml"))
GOOD = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: pages
spec:
  service: api
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        good: {metricSource: {type: rtp, spec: {status: "< 500"}}}
        total: {metricSource: {type: rtp, spec: {exclude: ["/health/*", "/metrics"]}}}
  timeWindow:
    - {duration: 28d, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - target: 0.999
"""


def load(tmp_path: Path, text: str) -> documents.SloSet:
    path = tmp_path / "slo.yaml"
    path.write_text(text)
    return documents.load(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_shipped_files_have_no_findings(path: Path) -> None:
    found = documents.load(path)
    assert found.objectives
    assert found.findings == []


def test_a_target_is_read_exactly(tmp_path: Path) -> None:
    (objective,) = load(tmp_path, GOOD).objectives
    assert objective.target == "0.999"
    assert objective.window_seconds == 28 * 86_400
    assert objective.good == Selection(comparisons=[Comparison(field="status", op="lt", value=500)])
    assert objective.total == Selection(exclude=["/health/*", "/metrics"])


def test_bad_events_are_counted_the_other_way_round(tmp_path: Path) -> None:
    text = GOOD.replace("good:", "bad:").replace("< 500", ">= 500")
    (objective,) = load(tmp_path, text).objectives
    assert objective.inverted


def test_a_percentage_is_a_target_too(tmp_path: Path) -> None:
    (objective,) = load(tmp_path, GOOD.replace("target: 0.999", "targetPercent: 99.95")).objectives
    assert objective.target == "0.9995"


def test_an_indicator_may_stand_in_a_document_of_its_own(tmp_path: Path) -> None:
    head, _, rest = GOOD.partition("  indicator:\n")
    spec = rest[rest.index("    spec:\n") : rest.index("  timeWindow:")].replace("\n    ", "\n").removeprefix("    ")
    sli = f"apiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: answers}}\n{spec}---\n"
    text = sli + head + "  indicatorRef: answers\n" + rest[rest.index("  timeWindow:") :]
    found = load(tmp_path, text)
    assert found.findings == []
    assert len(found.objectives) == 1


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ("openslo/v1", "openslo/v9", 1, "Invalid enum value"),
        ("kind: SLO", "kind: Slow", 2, "Invalid enum value"),
        ("name: pages", "name: Pages!", 4, "regex"),
        ("  service: api\n", "", 5, "missing required field `service`"),
        ("service: api", "service: api\n  servise: api", 7, "unknown field `servise`"),
        ("type: rtp, spec: {status", "type: prometheus, spec: {status", 11, "'prometheus' is not known"),
        ("< 500", "below 500", 11, "no comparison"),
        ("good:", "god:", 11, "unknown field `god`"),
        ("28d", "1M", 14, "no duration of a rolling window"),
        ("isRolling: true", "isRolling: false", 14, "only rolling windows"),
        ("Occurrences", "Timeslices", 15, "only Occurrences"),
        ("target: 0.999", "target: 1", 17, "leaves no error budget"),
        ("target: 0.999", "target: 99.9", 17, "below 100 %"),
        ("target: 0.999", "target: 1:20", 17, "not a plain decimal"),
        ("target: 0.999", "target: .inf", 17, "not a plain decimal"),
        ("  service: api", "  service: api\n  service: b", 7, "stands twice"),
        ("metadata:\n  name: pages", "metadata: [", 4, "expected"),
        ("{name: answers}", "*other", 1, "aliases"),
    ],
)
def test_a_mistake_is_found_at_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    found = load(tmp_path, GOOD.replace(old, new, 1))
    assert found.objectives == []
    first = found.errors[0]
    assert message in first.message
    assert abs(first.line - line) <= (1 if "expected" in message else 0)


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ("exclude: [\"/health/*\", \"/metrics\"]", "methods: [GET]", 17, "only machines ask"),
        ('status: "< 500"', "", 17, "every event counts alike"),
        ("28d", "1m", 14, "one minute"),
        ("target: 0.999", "target: 0", 17, "always met"),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_a_warning(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    found = load(tmp_path, GOOD.replace(old, new))
    assert found.errors == []
    assert [(one.line, one.level) for one in found.findings] == [(line, "warning")]
    assert message in found.findings[0].message


def test_an_alert_that_can_never_fire_is_named(tmp_path: Path) -> None:
    alert = """\
  alertPolicies:
    - kind: AlertPolicy
      spec:
        conditions:
          - kind: AlertCondition
            spec:
              condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h}
"""
    assert load(tmp_path, GOOD + alert).findings == []
    (finding,) = load(tmp_path, GOOD.replace("0.999", "0.9") + alert).findings
    assert "never exceeded" in finding.message
    assert finding.line == 24


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"- 1\n- 2\n", b"a: " + b"[" * 2000, b"x" * 1_000_001])
def test_what_is_no_slo_file_at_all_is_said_and_nothing_is_raised(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    found = documents.load(path)
    assert found.objectives == []
    assert len(found.errors) == 1


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    (finding,) = documents.load(tmp_path / "none.yaml").findings
    assert "No such file" in finding.message
