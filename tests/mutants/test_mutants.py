"""Each guard of the platform, once removed, turns its named test red."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.mutants.mutant import Mutant
from tests.mutants.runner import MisfitMutant, apply, is_proof, judge
from tests.mutants.table import MUTANTS

ROOT = Path(__file__).parents[2]
GUARDED = "def refundable(captured: int, taken: int) -> int:\n    return captured - taken\n"
ASKING = (
    "from rtp.cap import refundable\n\ndef test_what_was_taken_is_gone() -> None:\n    assert refundable(10, 4) == 6\n"
)
BLIND = "\ndef test_that_looks_at_nothing_here() -> None:\n    assert True\n"


def rows() -> list[ParameterSet]:
    """All mutants; the first of the table is the share that CI runs."""
    return [
        pytest.param(mutant, id=mutant.name, marks=pytest.mark.prove("mutants", sample=number == 0))
        for number, mutant in enumerate(MUTANTS)
    ]


@pytest.mark.prove("mutants")
@pytest.mark.parametrize("mutant", rows())
def test_a_removed_guard_turns_its_named_test_red(mutant: Mutant, tmp_path: Path) -> None:
    verdict = judge(mutant, ROOT, tmp_path)
    assert verdict.green_before, verdict.output
    assert verdict.red_after, verdict.output


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src" / "rtp").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "src" / "rtp" / "__init__.py").write_text("")
    (root / "src" / "rtp" / "cap.py").write_text(GUARDED)
    (root / "tests" / "test_cap.py").write_text(ASKING + BLIND)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def mutant(test: str) -> Mutant:
    return Mutant("cap", "src/rtp/cap.py", "captured - taken", "captured", f"tests/test_cap.py::{test}")


def test_a_mutant_that_its_test_sees_is_judged_red_and_the_original_stays_whole(tree: Path, tmp_path: Path) -> None:
    verdict = judge(mutant("test_what_was_taken_is_gone"), tree, tmp_path)
    assert (verdict.green_before, verdict.red_after) == (True, True)
    assert (tree / "src" / "rtp" / "cap.py").read_text() == GUARDED


def test_a_mutant_that_its_test_overlooks_is_not_judged_red(tree: Path, tmp_path: Path) -> None:
    verdict = judge(mutant("test_that_looks_at_nothing_here"), tree, tmp_path)
    assert (verdict.green_before, verdict.red_after) == (True, False)


def test_a_proof_is_asked_for_by_name_also_where_other_tests_stand_beside_it(tree: Path) -> None:
    """Asked for as a proof, a plain test is left out; asked for as a plain test, a proof is."""
    proof = '@pytest.mark.prove("kills")\nasync def test_that_takes_long() -> None:\n    """A proof."""\n'
    (tree / "tests" / "test_cap.py").write_text(f"import pytest\n{ASKING}\n\n{proof}")
    asked = {name: is_proof(tree, f"tests/test_cap.py{name}") for name in (
        "::test_that_takes_long[some place]", "::test_what_was_taken_is_gone", "",
    )}  # fmt: skip
    assert list(asked.values()) == [True, False, True]
    (tree / "tests" / "test_cap.py").write_text(f'import pytest\npytestmark = pytest.mark.prove("races")\n{ASKING}')
    assert is_proof(tree, "tests/test_cap.py::test_what_was_taken_is_gone")


def test_a_mutant_whose_text_is_gone_is_refused(tree: Path) -> None:
    with pytest.raises(MisfitMutant, match="found 0 times"):
        apply(Mutant("old", "src/rtp/cap.py", "no such text", "", "tests/test_cap.py"), tree)


def test_every_mutant_of_the_table_still_fits_the_code() -> None:
    misfits = [m.name for m in MUTANTS if (ROOT / m.file).read_text().count(m.old) != 1]
    assert misfits == []
