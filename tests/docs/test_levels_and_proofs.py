"""The test run's own machinery: proofs run only when asked for, and only the share that was asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_plain_things_hold(): pass

@pytest.mark.prove("races", sample=True)
def test_a_short_race_is_won(sampled): print("sampled", sampled)

@pytest.mark.prove("races")
def test_a_long_race_is_won(): pass

@pytest.mark.prove("kills")
def test_a_kill_is_survived(): pass
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "tests" / "races").mkdir(parents=True)
    (tmp_path / "tests" / "races" / "test_races.py").write_text(TESTS)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests" / "conftest.py")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return Run(tmp_path)


class Run:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> str:
        plugins = ["-p", "no:cacheprovider", "-p", "anyio.pytest_plugin"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, "-v", "-rP", *arguments],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "120", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


def test_a_plain_run_leaves_the_proofs_out_and_counts_levels(run: Run) -> None:
    output = run()
    assert "1 passed, 3 deselected" in output
    assert "tests per level: unit 1" in output


def test_a_suite_is_run_by_its_name_and_its_seconds_are_printed(run: Run) -> None:
    output = run("--prove", "races")
    assert "2 passed, 2 deselected" in output
    assert "proof races: 0 s" in output
    assert "sampled False" in output


def test_all_suites_run_together(run: Run) -> None:
    assert "3 passed, 1 deselected" in run("--prove", "all")


def test_a_sample_is_the_marked_share_and_at_least_one_of_each_suite(run: Run) -> None:
    output = run("--prove", "all", "--sample")
    assert "2 passed, 2 deselected" in output
    assert "sampled True" in output
    assert "test_a_kill_is_survived PASSED" in output
    assert "test_a_long_race_is_won" not in output


def test_a_proof_of_an_unknown_suite_stops_the_run(run: Run) -> None:
    file = run.folder / "tests" / "races" / "test_races.py"
    file.write_text(TESTS.replace('"kills"', '"deaths"'))
    assert "unknown suite 'deaths'" in run("--prove", "all")
