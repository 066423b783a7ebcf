"""The shipped experiments on a platform with a catalog: by rtp, by plain Chaos Toolkit, and where they are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp.testing.instance import RTP, RunningInstance, clean_environment, running
from tests.chaos import experiments
from tests.chaos.experiments import SLOW, action, begin, control, experiment, until

ROOT = Path(__file__).parents[2]
CHAOS = str(Path(RTP).with_name("chaos"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """A platform that sells something."""
    with running(tmp_path_factory.mktemp("shop")) as started:
        applied = started("catalog", "apply", str(ROOT / "examples" / "catalog.yaml"), "--yes")
        assert applied.returncode == 0, applied.stderr
        yield started


@pytest.mark.prove("experiments", sample=True)
def test_a_worker_killed_in_the_middle_of_refunds_loses_none_and_doubles_none(shop: RunningInstance) -> None:
    done = shop("chaos", "run", "worker-killed", "-o", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["rollbacks"]) == (0, "held", "verified"), found["reasons"]
    refunds = shop.json("refunds", "list", "--user", "experiments@rtp.invalid")
    assert [refund["state"] for refund in refunds] == ["succeeded"] * 20
    journal = json.loads((experiments.folder(shop) / "journal.json").read_text())
    killed = next(one["output"]["killed"] for one in journal["run"] if one["activity"]["name"] == "kill the worker")
    now = {service["name"]: service["pid"] for service in shop.json("status")["services"]}
    assert now["worker"] != killed


def test_refunds_for_experiments_are_of_what_the_refund_policy_returns(shop: RunningInstance) -> None:
    first, *_ = [one for one in shop.json("prices", "list", "--all") if not one["trial_days"]]
    policy = shop.folder / "policy.yaml"
    kept = f"products:\n  - {{product: {first['product']}, refundable: false}}\n"
    policy.write_text(f"currency: USD\n{kept}limits:\n  - {{role: local}}\n")
    shop.json("refunds", "policy", "apply", str(policy))
    script = "import json; from rtp.chaos.refunding import issue_refunds; print(json.dumps(issue_refunds(count=2)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=shop.environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    payment = shop.json("payments", "show", json.loads(done.stdout)["payment"])
    assert payment["lines"][0]["product"] != first["product"]


@pytest.mark.prove("experiments")
@pytest.mark.parametrize("name", ["valkey-gone", "provider-slow"])
def test_the_platform_holds_without_its_cache_and_with_a_slow_provider(shop: RunningInstance, name: str) -> None:
    done = shop("chaos", "run", name, "-o", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["rollbacks"]) == (0, "verified"), found["reasons"]


@pytest.mark.prove("experiments")
def test_plain_chaos_toolkit_runs_a_shipped_file(shop: RunningInstance, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    words = [CHAOS, "--no-version-check", "run", "--journal-path", str(journal)]
    done = subprocess.run(
        [*words, str(ROOT / "experiments" / "provider-slow.yaml")],
        env=shop.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(journal.read_text())
    assert (found["status"], found["deviated"]) == ("completed", False)
    assert {one["status"] for one in [*found["run"], *found["rollbacks"]]} == {"succeeded"}


@pytest.mark.prove("experiments")
def test_when_both_processes_are_killed_the_provider_behaves_after_its_time_and_halt_mends_the_rest(
    shop: RunningInstance, tmp_path: Path
) -> None:
    briefly = SLOW | {"provider": SLOW["provider"] | {"arguments": {"latency_ms": 5, "ttl_seconds": 3}}}
    process = begin(shop, experiment(tmp_path, method=[briefly, action("hold", seconds=60)]))
    child = experiments.child_of(shop)
    os.kill(process.pid, 19)  # stopped, so that it cannot mend what its child leaves
    os.kill(child, 9)
    process.kill()
    process.communicate()
    until(lambda: control(shop))
    halted = shop("chaos", "halt", "-o", "json")
    assert halted.returncode == 0, halted.stderr
    assert json.loads(halted.stdout)["rollbacks"] == "verified"


@pytest.mark.prove("experiments")
def test_experiments_are_refused_on_prod(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | {
        "RTP_ENVIRONMENT": "prod", "RTP_HOME": str(tmp_path / "prod"), "RTP_PROVIDER_URL": "https://payments.invalid"
    }  # fmt: skip

    def rtp(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([RTP, *words], env=environment, capture_output=True, text=True)

    try:
        assert rtp("up").returncode == 0
        refused = rtp("chaos", "run", experiment(tmp_path), "--yes")
        assert refused.returncode == 4, refused.stderr
        assert "not run on prod" in refused.stderr
        plain = "from rtp.chaos import actions; actions.set_provider(latency_ms=5)"
        python = str(Path(RTP).with_name("python"))
        done = subprocess.run([python, "-c", plain], env=environment, capture_output=True, text=True)
        assert "ChaosForbidden" in done.stderr
        assert not list((tmp_path / "prod" / "reports").glob("chaos/*"))
    finally:
        rtp("down")
