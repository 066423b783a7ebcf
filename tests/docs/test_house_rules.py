"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("src", "server", "commands", "plugins", "tools", "bench")
MODULES = sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py") if "build" not in path.parts)
LONGEST = 300
CATCH_ALLS = {"utils", "helpers", "common", "misc", "base2", "util", "helper"}


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_no_module_is_named_for_everything_that_falls_into_it() -> None:
    assert [shown(path) for path in MODULES if path.stem in CATCH_ALLS] == []


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [
        shown(path) for path in MODULES if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_test_functions_are_named_as_sentences() -> None:
    pattern = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
    names = [
        f"{shown(path)}::{name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in pattern.findall(path.read_text())
        if name.count("_") < 3
    ]
    assert names == []


def test_relative_links_between_the_pages_lead_somewhere() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pages = [ROOT / line for line in listed.stdout.splitlines()]
    assert ROOT / "README.md" in pages
    broken = [
        f"{shown(page)} -> {target}"
        for page in pages
        if page.exists()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_makefile_explains_every_target_it_offers() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert listed is not None
    explained = set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE))
    assert set(listed[1].split()) - explained == {"venv"}


def test_the_locks_carry_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        content = (ROOT / name).read_text()
        assert "://" not in content
        for entry in re.split(r"\n(?=\S)", content.strip()):
            assert "--hash=sha256:" in entry, f"{name}: {entry[:40]}"
