"""What the hand-written pages name is really there: commands, error codes, settings."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from rtp.errors import RtpError
from rtp.settings import Settings
from tools.reference.commands import tree
from tools.reference.modules import import_all, subclasses

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
WRITTEN = [
    page
    for page in PAGES
    if page.parent not in (DOCS / "reference", DOCS / "reference" / "commands", DOCS / "decisions")
]
TOOLS_OWN = {"RTP_CONFIG_HOME", "RTP_DEBUG"}
"""Variables of the command line itself, described by `rtp help environment`."""


@pytest.fixture(scope="module")
def paths() -> set[str]:
    return {leaf["path"] for leaf in tree()} | {"rtp help", "rtp --version", "rtp --help"}


def test_every_command_in_a_code_block_of_the_pages_exists(paths: set[str]) -> None:
    nouns = {path.split()[1] for path in paths}
    unknown = [
        f"{page.relative_to(ROOT)}: {line.strip()}"
        for page in WRITTEN
        for block in re.findall(r"```(?:console|bash|sh)?\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
        if (words := re.match(r"(?:\$ )?rtp ([\w-]+)(?: ([\w-]+))?(?: ([\w-]+))?", line.strip()))
        and f"rtp {words[1]}" not in paths
        and (
            words[1] not in nouns or not {f"rtp {words[1]} {words[2]}", f"rtp {words[1]} {words[2]} {words[3]}"} & paths
        )
    ]
    assert unknown == []


def test_every_error_code_that_a_runbook_looks_up_exists() -> None:
    import_all()
    codes = {error.code() for error in subclasses(RtpError)}
    named = {
        code
        for page in sorted((DOCS / "runbooks").glob("*.md"))
        for code in re.findall(r"^\| `([a-z_]+)` \|", page.read_text(), re.MULTILINE)
    }
    assert named
    assert named - codes == set()


def test_every_variable_that_the_pages_name_is_a_setting() -> None:
    known = {f"RTP_{field.name.upper()}" for field in msgspec.structs.fields(Settings)} | TOOLS_OWN
    named = {variable for page in WRITTEN for variable in re.findall(r"\bRTP_[A-Z_]+\b", page.read_text())}
    assert named - known == set()
