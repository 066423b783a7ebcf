"""Nothing of a plugin is run before it is trusted, and nothing that is not what was trusted."""

from __future__ import annotations

import importlib.util
import json
import py_compile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHANGES: dict[str, Callable[[Path], Path]] = {}


def change(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    CHANGES[make.__name__] = make
    return make


@change
def was_changed(package: Path) -> Path:
    file = package / "__init__.py"
    file.write_text("x = 1\n")
    return file


@change
def was_added(package: Path) -> Path:
    file = package / "more.py"
    file.write_text("")
    return file


@change
def is_gone(package: Path) -> Path:
    file = package / "__init__.py"
    file.unlink()
    return file


def plugin(place: Any, name: str) -> Any:
    found = json.loads(place.rtp("plugins", "list", "-o", "json").stdout)
    return next(one for one in found if one["name"] == name)


def test_nothing_of_an_installed_plugin_is_run_before_it_is_trusted(place: Any) -> None:
    place.install(hooks="import pathlib, os\npathlib.Path(os.environ['PROBE_MARK']).write_text('ran')\n")
    assert plugin(place, "rtp-probe")["state"] == "not trusted"
    assert "probe" not in place.rtp("--help").stdout
    unknown = place.rtp("probe", "show")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    place.trusted()
    assert "probe           A plugin of a test" in place.rtp("--help").stdout
    assert "probe" in place.rtp().stdout
    assert not place.mark.exists()

    done = place.rtp("probe", "show")
    assert (done.returncode, done.stderr) == (0, "as trusted\n")
    assert place.mark.exists()


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("editable", [False, True], ids=["installed", "editable"])
def test_a_file_that_is_not_as_trusted_is_named_and_nothing_runs(place: Any, how: str, editable: bool) -> None:
    package = place.install(editable=place.folder / "source" if editable else None)
    env = {"PYTHONPATH": f"{place.site}:{package.parent}"}
    place.trusted()
    assert place.rtp("probe", "show", **env).returncode == 0
    place.mark.unlink()

    file = CHANGES[how](package)
    done = place.rtp("probe", "show", **env)
    assert done.returncode == 6
    assert f"{file} {how.replace('_', ' ')}" in " ".join(done.stderr.split())
    assert not place.mark.exists()
    shown = plugin(place, "rtp-probe")
    assert (shown["state"], shown["detail"]) == ("changed", f"{file} {how.replace('_', ' ')}")

    place.trusted()
    assert plugin(place, "rtp-probe")["state"] == "trusted"


def test_bytecode_beside_an_unchanged_source_file_is_not_used(place: Any) -> None:
    package = place.install()
    place.trusted()
    source = package / "commands.py"
    honest, times = source.read_text(), source.stat()
    source.write_text(honest.replace("as trusted", "as smuggle"))  # of the same size and time, as Python compares them
    os_utime(source, times)
    py_compile.compile(str(source), importlib.util.cache_from_source(str(source)))
    source.write_text(honest)
    os_utime(source, times)
    assert place.rtp("probe", "show").stderr == "as trusted\n"


def os_utime(file: Path, times: Any) -> None:
    import os

    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_plugin_that_is_not_trusted_any_more_is_gone(place: Any) -> None:
    place.install()
    place.trusted()
    assert place.rtp("plugins", "untrust", "rtp_probe").returncode == 0
    assert place.rtp("probe", "show").returncode == 2
    assert place.rtp("plugins", "untrust", "rtp-probe").returncode == 5
    assert place.rtp("plugins", "trust", "rtp-unheard-of").returncode == 5


def test_a_list_of_trusted_plugins_that_others_can_write_is_not_believed(place: Any) -> None:
    place.install()
    place.trusted()
    file = Path(place.env["RTP_CONFIG_HOME"]) / "plugins.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o666)
    assert place.rtp("probe", "show").returncode == 2
    listed = place.rtp("plugins", "list")
    assert listed.returncode == 4
    assert f"chmod 600 {file}" in listed.stderr
    assert not place.mark.exists()


@pytest.mark.parametrize(
    "options, why",
    [
        ({"group": "users"}, "there is a command group users already"),
        ({"group": "db"}, "there is a command group db already"),
        ({"group": "Probe!"}, "no name for a command group"),
        ({"module": "rtp_commands.users"}, "lies in rtp_commands"),
        ({"module": "subprocess"}, "lies in subprocess"),
        ({"module": "somebody_elses.commands"}, "not one of its own source files"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_plugin_that_takes_what_is_not_its_own_is_not_trusted(place: Any, options: Any, why: str) -> None:
    place.install(**options)
    done = place.rtp("plugins", "trust", "rtp-probe")
    assert done.returncode == 6
    assert why in " ".join(done.stderr.split())
    assert plugin(place, "rtp-probe")["state"] == "not trusted"


def test_two_plugins_cannot_share_a_group(place: Any) -> None:
    place.install()
    place.install("rtp-other")
    place.trusted()
    place.trusted()
    assert place.rtp("plugins", "trust", "rtp-other").returncode == 6


def test_a_folder_behind_a_link_is_not_trusted(place: Any) -> None:
    package = place.install()
    (package / "linked").symlink_to(place.folder)
    done = place.rtp("plugins", "trust", "rtp-probe")
    assert done.returncode == 6
    assert "cannot be read as a file" in " ".join(done.stderr.split())


def test_help_of_any_characters_is_shown_in_one_line(place: Any) -> None:
    place.install(summary='Says "ça va" \\ and\x1b[31m much more than would ever fit into a line of eighty columns')
    place.trusted()
    line = next(line for line in place.rtp("--help").stdout.splitlines() if line.startswith("  probe"))
    assert line == '  probe           Says "ça va" \\ and [31m much more than would ever fit into…'
    assert place.rtp("probe", "show").returncode == 0


def test_a_changed_plugin_neither_breaks_completion_nor_other_commands(place: Any) -> None:
    package = place.install()
    place.trusted()
    was_added(package)
    done = place.rtp("probe", "s", _RTP_COMPLETE="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert place.rtp("context", "list").returncode == 0
    assert place.rtp("probe", "--help").returncode == 6


def test_a_plugin_of_another_python_is_told_and_not_guessed(place: Any) -> None:
    place.install()
    place.trusted()
    done = place.rtp("probe", "show", PYTHONPATH="")
    assert done.returncode == 6
    assert "rtp_probe.commands" in done.stderr
