"""Profiles of load tests: the shipped ones are in order, bounded, and a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtp.kit import data_files
from rtp.loadtests import profiles
from rtp.loadtests.errors import LoadTestNotFound, ProfileNotValid
from rtp.loadtests.schemas import MAX_SECONDS, MAX_USERS

GOOD = "duration: 20s\nusers: 5\nspawn_rate: 5\nthresholds:\n  total:\n    - p95 < 250 ms\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "loadtests"
    made.mkdir()
    (made / "mine.py").write_text("")
    return made


def test_the_shipped_load_tests_can_be_run_and_say_so(folder: Path) -> None:
    shipped = {one.name: one for one in profiles.listed(folder / "none", "shipped")}
    assert {"member", "support"} <= shipped.keys()
    assert [one.name for one in shipped.values() if one.problem] == []
    assert shipped["member"].role == "viewer"
    assert shipped["support"].role == "support"


def test_the_working_folder_goes_before_the_shipped_ones(folder: Path) -> None:
    (folder / "member.py").write_text("")
    (folder / "member.yaml").write_text(GOOD)
    assert profiles.find("member", folder / "none").path.parent == folder
    sources = {one.name: one.source for one in profiles.listed(folder / "none")}
    assert sources["member"] == "working folder"
    assert sources["support"] == "shipped"


def test_an_instance_s_own_go_before_the_shipped_ones(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "loadtests").mkdir(parents=True)
    (home / "loadtests" / "support.py").write_text("")
    (home / "loadtests" / "support.yaml").write_text(GOOD)
    assert profiles.find("support", home).path.is_relative_to(home)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("20s", "0s", "not between"),
        ("20s", f"{MAX_SECONDS + 1}s", "not between"),
        ("20s", "1h", "not between"),
        ("users: 5", f"users: {MAX_USERS + 1}", "users"),
        ("users: 5", "users: 0", "users"),
        ("spawn_rate: 5", "spawn_rate: 0", "spawn_rate"),
        ("p95 < 250 ms", "p95 < 250", "given in"),
        ("    - p95 < 250 ms\n", "    []\n", "no thresholds"),
        ("duration: 20s\n", "", "missing required field `duration`"),
        ("users: 5", "users: 5\nrole: owner", "Invalid enum value 'owner'"),
        ("users: 5", "users: 5\nlocustfile: gone.py", "no locustfile gone.py"),
        ("users: 5", "users: [", "line"),
        ("users: 5", "user: 5", "user"),
    ],
)
def test_a_mistake_in_a_profile_is_named(folder: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    (folder / "mine.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(ProfileNotValid) as refused:
        profiles.find("mine", folder / "none")
    assert message in refused.value.message
    (listed,) = (one for one in profiles.listed(folder / "none") if one.name == "mine")
    assert message in listed.problem


def test_an_unknown_name_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(LoadTestNotFound, match="member, support"):
        profiles.find("nothing", folder / "none")


def test_a_path_names_its_file_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("")
    (tmp_path / "other.yaml").write_text(GOOD)
    assert profiles.find("other.yaml", folder / "none").name == "other"
    assert data_files.find("loadtests", str(tmp_path / "other.yaml"), folder, (".yaml",)).source == "path"


def test_a_url_in_a_record_has_no_password() -> None:
    assert profiles.shown_target("https://me:secret@rtp.example.com/x") == "https://rtp.example.com/x"
