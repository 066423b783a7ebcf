"""Reports: one content, four formats, each readable by what reads that format."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rtp import reports
from rtp.errors import RtpError
from rtp.reports import Check, Moment, Report, Section, Table

EVIL = '<script src="https://evil.example/x.js">alert(1)</script> & | `a` "q" \x00\x1b[31m'


def report(*, held: bool = False) -> Report:
    checks = [
        Check(name="ledger held", outcome="held", seconds=0.25),
        Check(name="fast enough", outcome="held" if held else "failed", detail=EVIL, seconds=0.5),
        Check(name="enough events", outcome="unknown", detail="3 of 100"),
    ]
    return Report(
        title=f"Worker killed {EVIL}",
        verdict="held" if held else "deviated",
        held=held,
        at="2026-03-02T14:30:00Z",
        checks=checks,
        sections=[Section(title="Run", facts={"name": EVIL, "reads": 12, "share": 0.25, "nothing": None})],
        tables=[Table(title="Calls", columns=["path", "count"], rows=[[EVIL, 3], ["/v1/users", 4]])],
        timeline=[
            Moment(at="14:30:00", what="begin"),
            Moment(at="14:30:02", what=EVIL, seconds=2.0, outcome="failed"),
        ],
    )


class Page(HTMLParser):
    """What a browser would see: the tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_html_page_loads_nothing_and_runs_nothing_whatever_the_values_say(tmp_path: Path) -> None:
    path = reports.write(f"html:{tmp_path / 'r.html'}", report())
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert {"script", "img", "link", "iframe"} & {tag for tag, _ in page.tags} == set()
    assert [attrs for _, attrs in page.tags if {"src", "href", "onload"} & set(attrs)] == []
    assert "alert(1)" in page.said
    assert "deviated" in page.said


def test_the_junit_file_counts_failures_and_takes_unjudged_checks_for_skipped(tmp_path: Path) -> None:
    path = reports.write(f"junit:{tmp_path / 'r.xml'}", report())
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [case.get("name") for case in suite.iter("testcase")] == ["ledger held", "fast enough", "enough events"]
    assert suite.find("testcase[@name='fast enough']/failure") is not None


def test_a_bad_verdict_is_a_failure_in_junit_also_when_no_check_failed(tmp_path: Path) -> None:
    cut = Report(title="cut off", verdict="interrupted", held=False, at="2026-03-02T14:30:00Z")
    path = reports.write(f"junit:{tmp_path / 'r.xml'}", cut)
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "1"


def test_the_markdown_keeps_its_tables_whatever_the_values_say(tmp_path: Path) -> None:
    text = reports.write(f"md:{tmp_path / 'r.md'}", report()).read_text(encoding="utf-8")
    assert "<script" not in text.replace("\\<", "")
    rows = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {3, 4, 5}


def test_the_json_report_is_the_report_itself(tmp_path: Path) -> None:
    path = reports.write(f"json:{tmp_path / 'r.json'}", report())
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["verdict"] == "deviated"
    assert found["tables"][0]["rows"][1] == ["/v1/users", 4]


@pytest.mark.parametrize("spec", ["pdf:x.pdf", "html", "html:", "x.html", "html:/nowhere/at/all/r.html", "html:/tmp"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(spec: str) -> None:
    with pytest.raises(RtpError) as refused:
        reports.parse(spec)
    assert refused.value.exit_code == 2


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RtpError, match="cannot be written"):
        reports.write(f"md:{tmp_path / ('r' * 256)}", report(held=True))
    assert list(tmp_path.iterdir()) == []
