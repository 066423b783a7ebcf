"""Run pytest and measure the lines and branches of our packages in all processes of the run: `python -m tools.measure`.

The arguments go to pytest; `--fail-under N` wants so many per cent. The report is coverage.py's, from a data file that
`coverage html` and the like can read afterwards.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from coverage import Coverage
from coverage.parser import PythonParser

from tools.measured.coverage_marker import Branch, marked
from tools.measured.coverage_marks import PACKAGES, file_of

ROOT = Path(__file__).resolve().parents[1]
Arc = tuple[int, int]


def main() -> int:
    """Run, report; the exit code of pytest, or 2 when too little was covered."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure", allow_abbrev=False, add_help=False)
    parser.add_argument("--fail-under", type=float, default=0.0)
    options, words = parser.parse_known_args()
    folder = tempfile.mkdtemp(prefix="rtp-coverage-")
    try:
        done = subprocess.run([sys.executable, "-m", "pytest", *words], env=environment(folder), check=False)
        total = report(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if total < options.fail_under:
        print(f"coverage {total:.1f} % is under {options.fail_under:.0f} %", file=sys.stderr)
        return done.returncode or 2
    return done.returncode


def environment(folder: str) -> dict[str, str]:
    """Ours, and what makes every Python process of the run measure itself."""
    path = os.pathsep.join(filter(None, (str(ROOT / "tools" / "measured"), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "COVERAGE_MARKS": folder}


def report(folder: str) -> float:
    """Hand the marks to coverage.py and print its report; the total in per cent."""
    coverage = Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
    coverage.erase()
    data = coverage.get_data()
    for path in sources():
        data.add_arcs({str(path): set(arcs(path, folder))})
        data.touch_file(str(path))  # what never ran counts as well
    data.write()
    return coverage.report(skip_covered=True)


def sources() -> Iterator[Path]:
    """Every module of our packages."""
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def arcs(path: Path, folder: str) -> Iterator[Arc]:
    """What ran of a module, as coverage.py's pairs of lines."""
    source = path.read_bytes()
    try:
        marks = Path(file_of(str(path), source, folder)).read_bytes()
    except FileNotFoundError:
        return
    _, points = marked(source, str(path), "")
    exits = exits_of(path)
    for point, mark in zip(points, marks, strict=False):
        if mark and isinstance(point, Branch):
            yield from decided(point, exits)
        elif mark:
            yield -1, point.line


def decided(point: Branch, exits: dict[int, set[int]]) -> Iterator[Arc]:
    """The way that a decision took, in the words of coverage.py's parser, which names each way by where it leads.

    Where both ways begin on one line (`if this: that`, which the linter refuses) neither counts.
    """
    ways = exits.get(point.line, set())
    inside = {line for line in ways if point.first <= line <= point.last}
    chosen = inside if point.taken else ways - inside
    if len(chosen) == 1:
        yield point.line, chosen.pop()


def exits_of(path: Path) -> dict[int, set[int]]:
    """Where coverage.py's parser lets each line lead."""
    parser = PythonParser(filename=str(path))
    parser.parse_source()
    found: dict[int, set[int]] = {}
    for begin, end in parser.arcs():
        found.setdefault(begin, set()).add(end)
    return found


if __name__ == "__main__":
    sys.exit(main())
