"""Every number line of the reference has its cases, every case is run, and ids are of one case each."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from tests.vectors.reading import FOLDER, files, vectors

TESTS = Path(__file__).parents[1]


def cases() -> list[dict[str, object]]:
    return [case for name in files() for case in vectors(name)]


def lines() -> list[dict[str, str]]:
    with (FOLDER / "lines.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_case_has_the_same_four_parts_and_an_id_of_its_own() -> None:
    assert {tuple(case) for case in cases()} == {("id", "source", "given", "expect")}
    assert [name for name, count in Counter(str(case["id"]) for case in cases()).items() if count > 1] == []


def test_every_line_names_cases_that_exist_and_are_of_its_section() -> None:
    known = {str(case["id"]): str(case["source"]) for case in cases()}
    for line in lines():
        named = line["ids"].split()
        assert named, line
        assert {known[name].partition(" ")[0] for name in named} == {line["section"]}, line


def test_every_published_or_derived_case_belongs_to_a_line() -> None:
    named = {name for line in lines() for name in line["ids"].split()}
    marked = {str(case["id"]) for case in cases() if re.search(r"\[[AD]\]", str(case["source"]))}
    assert marked - named == set()


def test_every_file_of_cases_is_run_by_exactly_one_test() -> None:
    runners = Counter(
        name
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__)
        for name in files()
        if name in path.read_text() or f'"{Path(name).name}"' in path.read_text()
    )
    assert dict(runners) == dict.fromkeys(files(), 1)


def test_the_page_about_the_format_names_every_file() -> None:
    page = (FOLDER / "README.md").read_text()
    assert [name for name in files() if f"`{name}`" not in page] == []
