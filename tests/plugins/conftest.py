"""Plugins made for a test, installed into a folder of their own, and the `rtp` that sees them."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rtp.plugins.verified import Verified
from rtp.testing.instance import RTP, clean_environment

COMMANDS = '''"""Says whether it was run."""
import os, pathlib
from typing import Any
import typer
from rtp_commands.call import Call, local

pathlib.Path(os.environ["PROBE_MARK"]).write_text("ran")
app = typer.Typer()


@app.command()
@local()
def show(call: Call) -> None:
    """Say something.

    Examples:
        rtp GROUP show
    """
    call.say("as trusted")
'''


@dataclass
class Place:
    """Where plugins are installed for a test, and a command line that finds them."""

    site: Path
    folder: Path

    @property
    def mark(self) -> Path:
        """What a plugin writes when it is run."""
        return self.folder / "ran"

    @property
    def env(self) -> dict[str, str]:
        """The environment of a command line with these plugins installed."""
        return clean_environment(self.folder) | {"PYTHONPATH": str(self.site), "PROBE_MARK": str(self.mark)}

    def rtp(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run([RTP, *words], env=self.env | env, capture_output=True, text=True, timeout=60)

    def install(
        self,
        name: str = "rtp-probe",
        *,
        group: str = "probe",
        module: str = "",
        hooks: str = "",
        summary: str = "A plugin of a test",
        editable: Path | None = None,
    ) -> Path:
        """Install a plugin as pip does; the value is the folder of its package."""
        package = name.replace("-", "_")
        base = editable or self.site
        files = {f"{package}/__init__.py": "", f"{package}/commands.py": COMMANDS.replace("GROUP", group)}
        entries = f"[rtp.commands]\n{group} = {module or package + '.commands'}\n" if group else ""
        if hooks:
            files[f"{package}/hooks.py"] = hooks
            entries += f"[rtp.plugins]\n{name} = {package}.hooks\n"
        _write(base, files)
        info = f"{package}-1.0.dist-info"
        recorded = files if editable is None else {f"_editable_{package}.pth": f"{editable}\n"}
        recorded |= {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: {summary}\n",
            f"{info}/entry_points.txt": entries,
        }
        _write(self.site, recorded)
        lines = [f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},\n" for path, text in recorded.items()]
        (self.site / info / "RECORD").write_text("".join(lines) + f"{info}/RECORD,,\n")
        return base / package

    def trusted(self, name: str = "rtp-probe") -> None:
        """Trust a plugin."""
        done = self.rtp("plugins", "trust", name)
        assert done.returncode == 0, done.stderr


def _write(base: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(text)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder to install plugins into."""
    (tmp_path / "site").mkdir()
    return Place(tmp_path / "site", tmp_path)


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Installs a plugin where this process finds it, and trusts it for this process."""
    monkeypatch.setenv("RTP_CONFIG_HOME", place.env["RTP_CONFIG_HOME"])
    monkeypatch.syspath_prepend(str(place.site))
    monkeypatch.setenv("PROBE_MARK", str(place.mark))
    finders, modules = list(sys.meta_path), set(sys.modules)

    def install(name: str = "rtp-probe", **options: str) -> Path:
        package = place.install(name, **options)  # type: ignore[arg-type]
        importlib.invalidate_caches()
        place.trusted(name)
        return package

    yield install
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder in finders or not isinstance(finder, Verified)]
    for module in set(sys.modules) - modules:
        if str(place.site) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The plugin that ships with the repository, trusted by this process; the value is a command line's environment."""
    env = clean_environment(tmp_path)
    done = subprocess.run([RTP, "plugins", "trust", "rtp-slack-notices"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("RTP_CONFIG_HOME", env["RTP_CONFIG_HOME"])
    finders = list(sys.meta_path)
    yield env | {"PATH": os.environ["PATH"]}
    sys.meta_path[:] = finders
