"""Several API processes behind one socket: whichever is scraped tells the counts of all, and none ever falls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from rtp.runtime import site
from rtp.runtime.instance import SHARED_METRICS, Instance
from rtp.runtime.site import Site
from rtp.settings import Settings

SCRAPES = """
import json, os, sys
from rtp_server.edge import metrics

def process(requests):
    pid = os.fork()
    if pid == 0:
        for _ in range(requests):
            metrics.observe("GET", "/v1/users", 200, 0.02)
        metrics.webhook("sandbox", "taken")
        os._exit(0)
    os.waitpid(pid, 0)

def told():
    lines = metrics.exposition(metrics.Figures(active_subscriptions=7)).decode().splitlines()
    return {name: value for name, _, value in (line.rpartition(" ") for line in lines) if not name.startswith("#")}

scrapes = []
for requests in (3, 4):
    process(requests)
    scrapes.append(told())
json.dump(scrapes, sys.stdout)
"""
COUNT = 'http_request_duration_seconds_count{method="GET",route="/v1/users",status_code="200"}'


def scrapes(**env: str) -> list[dict[str, str]]:
    known = {name: value for name, value in os.environ.items() if name != SHARED_METRICS}
    done = subprocess.run([sys.executable, "-c", SCRAPES], env=known | env, capture_output=True, text=True, check=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_counts_of_all_processes_are_added_up_also_of_those_that_ended(tmp_path: Path) -> None:
    first, second = scrapes(**{SHARED_METRICS: str(tmp_path)})
    assert (first[COUNT], second[COUNT]) == ("3.0", "7.0")
    assert second['webhooks_received_total{provider="sandbox",result="taken"}'] == "2.0"
    assert second[COUNT.replace("_count{", '_bucket{le="0.05",')] == "7.0"
    assert second["active_subscriptions_total"] == "7.0", "what is counted over rows is told once"


def test_a_process_alone_keeps_its_counts_to_itself() -> None:
    assert [COUNT in one for one in scrapes()] == [False, False]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_counts_are_shared_and_begin_anew_where_there_are_several_processes(tmp_path: Path, processes: int) -> None:
    settings = Settings(home=str(tmp_path / "home"), database_url="postgresql://h/d", redis_url="redis://h")
    settings = msgspec.structs.replace(settings, api_processes=processes)
    instance = Instance(settings)
    place = Site(instance, settings, instance.prepare(), tmp_path)
    instance.metrics.mkdir()
    (instance.metrics / "counter_1.db").write_bytes(b"of an earlier start")
    site.share_metrics(place)
    several = processes > 1
    assert (instance.metrics.is_dir(), place.environment().get(SHARED_METRICS)) == (
        several, str(instance.metrics) if several else None,
    )  # fmt: skip
    assert list(instance.metrics.glob("*")) == []
