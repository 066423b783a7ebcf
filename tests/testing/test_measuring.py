"""What a measured run says was run is what coverage.py's own trace says, in every process, however that ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

EVERYTHING = '''"""A module with a docstring."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 3
"""A text after an assignment."""
count = 0


def plain(number: int,
          step: int = 1,
          ) -> int:
    """A docstring."""
    global count
    count += step
    if number > LIMIT:
        return LIMIT
    if (number == 1
            or number == 2):
        number += 1; number += 1
    elif number == 3:
        pass
    elif number == 0:
        return 0
    else:
        number = -number
    return (
        number
    )


def nothing_but_text() -> None:
    """Only this."""


def loops(numbers: list[int]) -> list[int]:
    found = []
    for number in numbers:
        if number < 0:
            continue
        if number > 9:
            break
        found.append(number)
    else:
        found.append(100)
    while found and found[-1] == 100:
        found.pop()
    while True:
        if len(found) < 5:
            found.append(0)
        else:
            break
    for number in found:
        for other in numbers:
            if other == number:
                found.append(-1)
                return [one for one in found if one]
    return found


def matched(what: object) -> str:
    match what:
        case 1 | 2:
            return "few"
        case int() as number if number > 100:
            said = "many"
        case {"key": value}:
            said = str(value)
    match what:
        case str():
            said = "text"
        case _:
            said = "else"
    match what:
        case "never":
            return "never"
        case rest:
            return said + str(bool(rest))


def tried(what: str) -> str:
    said = ""
    try:
        if what:
            raise {"key": KeyError, "type": TypeError, "both": ValueError}[what]()
    except (LookupError,
            ArithmeticError) as error:
        said = str(error)
    except TypeError:
        with contextlib.suppress(ValueError), contextlib.nullcontext():
            raise ValueError
    except ValueError:
        try:
            return "returned"
        finally:
            said = "finally"
    except:
        raise
    else:
        said = "else"
    finally:
        said += "!"
    try:
        raise ExceptionGroup("", [OSError()])
    except* OSError:
        said += "group"
    except* ValueError:
        said += "not here"
    with contextlib.nullcontext() as one:
        if one is None:
            return said
    return "not here"


def twice(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args), function(*args)

    return inner


@twice
@functools.cache
def decorated(number: int) -> int:
    return number * 2


@functools.total_ordering
class Thing:
    """A class."""

    size: int = 1
    """Its size."""

    def __init__(self) -> None:
        self.made = True

    def __lt__(self, other: object) -> bool:
        return False

    class Inner:
        wide = max(
            1,
            2,
        )


never_called = lambda one: (
    one + 1
)


async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


async def waited() -> int:
    total = 0
    async with asyncio.timeout(5):
        async for number in numbers():
            if number % 2:
                total += number
    return total


def never_run(number: int) -> int:
    if number:
        return 1
    try:
        return 2
    except KeyError:
        for _ in range(number):
            number += 1
    return 3
'''
CALLS = """
import asyncio
from rtp import everything

def test_everything_is_called():
    assert [everything.plain(number) for number in (1, 3, 5)] == [3, 3, 3]
    assert everything.nothing_but_text() is None
    everything.loops([1, -2, 3]), everything.loops([20])
    assert [everything.matched(what) for what in (1, 200, {"key": 5}, "text", 7.5)][0] == "few"
    assert [everything.tried(what) for what in ("", "key", "type", "both")][3] == "returned"
    everything.decorated(2), everything.Thing()
    assert asyncio.run(everything.waited()) == 1
"""
DYING = """
import os
import signal


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    print("still here")


def gone() -> None:
    os._exit(0)


if __name__ == "__main__":
    killed()
"""
DEATHS = """
import os, subprocess, sys
from rtp import dying

def test_processes_end_without_a_word():
    if (child := os.fork()) == 0:
        dying.gone()
    os.waitpid(child, 0)
    assert subprocess.run([sys.executable, "-m", "rtp.dying"]).returncode == -9
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with nothing but one module and the measuring."""
    (tmp_path / "src" / "rtp").mkdir(parents=True)
    (tmp_path / "src" / "rtp" / "__init__.py").touch()
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__", "reference"))
    (tmp_path / "pyproject.toml").write_text("[tool.coverage.run]\nbranch = true\n[tool.coverage.report]\n")
    return tmp_path


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_", "COV_"))}
    env = kept | {"PYTHONPATH": str(tree / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=tree, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def seen(tree: Path, module: str) -> dict[str, list[Any]]:
    """What coverage.py makes of the data file: lines and branches, executed and missing."""
    done = run(tree, "coverage", "json", "-q", "-o", "seen.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tree / "seen.json").read_text())["files"][f"src/rtp/{module}.py"]
    names = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")
    return {name: sorted(found[name]) for name in names}


def test_marks_show_the_same_lines_and_branches_as_a_trace(tree: Path) -> None:
    (tree / "src" / "rtp" / "everything.py").write_text(EVERYTHING)
    (tree / "test_calls.py").write_text(CALLS)
    measured = run(tree, "tools.measure", "test_calls.py", "-q", "-p", "no:cacheprovider")
    assert "1 passed" in measured.stdout, measured.stdout + measured.stderr
    marked = seen(tree, "everything")
    traced = run(tree, "coverage", "run", "-m", "pytest", "test_calls.py", "-q", "-p", "no:cacheprovider")
    assert "1 passed" in traced.stdout, traced.stdout + traced.stderr
    assert marked == seen(tree, "everything")
    assert all(marked.values())


def test_processes_that_are_killed_or_leave_at_once_are_measured(tree: Path) -> None:
    (tree / "src" / "rtp" / "dying.py").write_text(DYING)
    (tree / "test_deaths.py").write_text(DEATHS)
    measured = run(tree, "tools.measure", "--fail-under", "50", "test_deaths.py", "-q", "-p", "no:cacheprovider")
    assert measured.returncode == 0, measured.stdout + measured.stderr
    lines = DYING.splitlines()
    assert [lines[number - 1].strip() for number in seen(tree, "dying")["missing_lines"]] == ['print("still here")']


def test_too_little_coverage_fails_and_what_nobody_imported_counts(tree: Path) -> None:
    (tree / "src" / "rtp" / "unseen.py").write_text("one = 1\ntwo = 2\n")
    (tree / "test_nothing.py").write_text("def test_nothing(): pass\n")
    measured = run(tree, "tools.measure", "--fail-under", "80", "test_nothing.py", "-q", "-p", "no:cacheprovider")
    assert (measured.returncode, measured.stderr) == (2, "coverage 0.0 % is under 80 %\n")
    assert "unseen.py" in measured.stdout


def test_a_failing_test_is_the_answer_whatever_was_covered(tree: Path) -> None:
    (tree / "src" / "rtp" / "unseen.py").write_text("one = 1\n")
    (tree / "test_failing.py").write_text("def test_failing(): assert not 'this'\n")
    measured = run(tree, "tools.measure", "test_failing.py", "-q", "-p", "no:cacheprovider")
    assert measured.returncode == 1
    assert "1 failed" in measured.stdout
