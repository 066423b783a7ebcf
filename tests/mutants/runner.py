"""Applies one mutant in a copy of the tree and asks its test for a verdict."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant

PACKAGE_FOLDERS = ("src", "server", "commands")
LEFT_BEHIND = (
    ".venv",
    ".git",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "__pycache__",
    "*.pyc",
    ".coverage*",
)


class MisfitMutant(Exception):
    """The mutant's text does not stand exactly once in its file."""


@dataclass(frozen=True)
class Verdict:
    """What the named test said before and after the guard was removed; `output` is the mutated run's."""

    green_before: bool
    red_after: bool
    output: str


def judge(mutant: Mutant, root: Path, folder: Path) -> Verdict:
    """Run the named test in a copy of `root`, as it is and mutated.

    Raises: MisfitMutant.
    """
    copy = folder / "tree"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    before = run_test(copy, mutant.test)
    apply(mutant, copy)
    after = run_test(copy, mutant.test)
    # 1 is pytest's "tests failed"; a test that cannot even be collected has not judged the mutant
    return Verdict(before.returncode == 0, after.returncode == 1, before.stdout[-2000:] + after.stdout[-4000:])


def apply(mutant: Mutant, root: Path) -> None:
    """Replace the mutant's text in place.

    Raises: MisfitMutant.
    """
    path = root / mutant.file
    content = path.read_text()
    if content.count(mutant.old) != 1:
        raise MisfitMutant(f"{mutant.name}: found {content.count(mutant.old)} times in {mutant.file}: {mutant.old!r}")
    path.write_text(content.replace(mutant.old, mutant.new))


def run_test(root: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test against the code of the copy, not of the editable install."""
    paths = os.pathsep.join(str(root / name) for name in PACKAGE_FOLDERS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "COVERAGE_"))}
    proof = ["--prove", "all"] if is_proof(root, test) else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *proof, test],
        cwd=root,
        env={**kept, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def is_proof(root: Path, test: str) -> bool:
    """Whether the named test is a proof, which runs only when asked for; of a whole file, whether it holds one."""
    path, _, rest = test.partition("::")
    name = rest.rpartition("::")[2].partition("[")[0]
    source = (root / path).read_text()
    marks: list[ast.expr] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and name in {"", node.name}:
            marks += node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks.append(node.value)
    return any("mark.prove(" in ast.unparse(mark) for mark in marks)
