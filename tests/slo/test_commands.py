"""`rtp slo` on a real platform: its figures are those of the access log, also after the API was killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rtp.testing.instance import RunningInstance
from rtp.testing.kills import kill
from rtp.testing.waiting import eventually

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
spec:
  service: api
  indicator:
    metadata: {{name: i}}
    spec:
      ratioMetric:
        good: {{metricSource: {{type: rtp, spec: {{status: "{good}"}}}}}}
        total: {{metricSource: {{type: rtp, spec: {{routes: ["/v1/users/{{user}}"]}}}}}}
  timeWindow:
    - {{duration: 1d, isRolling: true}}
  budgetingMethod: Occurrences
  objectives:
    - target: 0.5
"""
ROUTE = "/v1/users/{user}"


def write(folder: Path, name: str, good: str) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(SLO.format(name=name, good=good))
    return str(path)


def logged(instance: RunningInstance) -> list[dict[str, Any]]:
    lines = (instance.home / "logs" / "api.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["event"] == "request" and line["route"] == ROUTE]


def settled(instance: RunningInstance, slo: str) -> dict[str, Any]:
    """The judged objective once everything that was logged has reached the history."""

    def judged() -> Any:
        done = instance("slo", "report", slo, "--min-events", "1", "-o", "json")
        assert done.returncode in (0, 10), done.stderr
        found = json.loads(done.stdout)["objectives"][0]
        return found if found["total"] == len(logged(instance)) else None

    return dict(eventually("all that was logged is stored", judged))


def test_the_figures_equal_a_count_over_the_access_log_also_after_a_kill(
    instance: RunningInstance, tmp_path: Path
) -> None:
    slo = write(tmp_path, "pages", "< 400")
    instance("users", "create", "slo@example.com", "--name", "Slo")
    for _ in range(3):
        instance("users", "show", "slo@example.com")
    instance("users", "show", "nobody@example.com")
    before = settled(instance, slo)
    lines = logged(instance)
    assert before["good"] == sum(line["status"] < 400 for line in lines) >= 3
    assert before["bad"] >= 1
    kill(instance, "api")
    eventually("all is well again", lambda: instance("status").returncode == 0)
    instance("users", "show", "slo@example.com")
    after = settled(instance, slo)
    assert after["total"] == before["total"] + 1
    assert after["good"] == before["good"] + 1


def test_missed_goes_before_unknown_and_each_has_its_exit_code(instance: RunningInstance, tmp_path: Path) -> None:
    met, missed = write(tmp_path, "met", "< 600"), write(tmp_path, "missed", ">= 600")
    instance("users", "show", "nobody@example.com")
    settled(instance, met)
    report = tmp_path / "slo.html"
    done = instance("slo", "report", met, "--min-events", "1", "--report", f"html:{report}")
    assert done.returncode == 0
    assert "met" in report.read_text()
    assert instance("slo", "report", met, missed, "--min-events", "1").returncode == 10
    unknown = instance("slo", "report", met, "--min-events", "1000000", "-o", "json")
    assert unknown.returncode == 11
    assert json.loads(unknown.stdout)["unknown"] == 1


def test_all_shipped_slos_are_judged_without_any_name(instance: RunningInstance) -> None:
    done = instance("slo", "report", "--window", "1h", "-o", "json")
    assert done.returncode in (0, 10, 11)
    names = {one["slo"] for one in json.loads(done.stdout)["objectives"]}
    assert names >= {"api-availability", "api-latency", "refund-availability"}


def test_a_wrong_file_is_named_with_its_line_and_nothing_is_judged(instance: RunningInstance, tmp_path: Path) -> None:
    path = Path(write(tmp_path, "wrong", "< 400"))
    path.write_text(path.read_text().replace("target: 0.5", "target: 1"))
    refused = instance("slo", "report", str(path))
    assert refused.returncode == 2
    assert "line 17" in refused.stderr
    checked = instance("slo", "validate", str(path), "-o", "json")
    assert checked.returncode == 10
    assert [(one["line"], one["level"]) for one in json.loads(checked.stdout)["findings"]] == [(17, "error")]


def test_names_windows_and_files_that_are_none_are_refused(instance: RunningInstance) -> None:
    assert instance("slo", "report", "nothing").returncode == 5
    assert instance("slo", "report", "--window", "1M").returncode == 2
    assert instance("slo", "report", "--report", "html:/nowhere/x.html").returncode == 2


def test_the_shipped_slos_are_listed_and_valid_without_a_server(instance: RunningInstance) -> None:
    nowhere = {"RTP_HOME": str(instance.folder / "none")}
    listed = instance("slo", "list", "-o", "ids", env=nowhere)
    assert listed.returncode == 0
    assert "api-availability" in listed.stdout
    assert instance("slo", "validate", env=nowhere).returncode == 0
