"""What twenty installed and trusted plugins add to the first screen."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.frame import Case, Measured, NotMeasured, seconds
from bench.startup import process
from rtp.plugins import installed, trust
from rtp.testing.instance import RTP

PLUGINS = 20
LIMIT_SECONDS = 0.010
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: A plugin that only counts\n"
MODULE = '"""Commands."""\n\nimport typer\n\napp = typer.Typer()\n'


def twenty(quick: bool) -> Measured:
    """`rtp --help` with twenty plugins less without any, by turns, in shares of what they may add."""
    with tempfile.TemporaryDirectory(prefix="rtp-bench-") as folder:
        site, config = Path(folder) / "site", Path(folder) / "config"
        install(site, config)
        none = process([RTP, "--help"], RTP_CONFIG_HOME=str(Path(folder) / "empty"))
        all_of_them = process([RTP, "--help"], RTP_CONFIG_HOME=str(config), PYTHONPATH=str(site))
        none(), all_of_them()
        require_shown(config)
        added = [seconds(all_of_them) - seconds(none) for _ in range(10 if quick else 60)]
        return Measured([one / LIMIT_SECONDS for one in added])


def require_shown(config: Path) -> None:
    """The first screen must show every plugin: what is not read costs nothing."""
    screen = subprocess.run([RTP, "--help"], env=os.environ | {"RTP_CONFIG_HOME": str(config)}, capture_output=True)
    if (shown := screen.stdout.count(b"counting-")) != PLUGINS:
        raise NotMeasured(f"rtp --help shows {shown} of {PLUGINS} plugins")


def install(site: Path, config: Path) -> None:
    """Twenty distributions with a command group each, installed into a folder and trusted as they are."""
    site.mkdir()
    sys.path.insert(0, str(site))
    try:
        for number in range(PLUGINS):
            name = f"counting-{number}"
            distribute(site, name, f"counting_{number}")
            plugin, groups = installed.examine(name, set(), "2026-03-02T14:30:00Z")
            trust.put({"RTP_CONFIG_HOME": str(config)}, plugin, groups)
    finally:
        sys.path.remove(str(site))


def distribute(site: Path, name: str, package: str) -> None:
    """One distribution as an installer leaves it."""
    info = site / f"{package}-1.0.dist-info"
    for folder in (site / package, info):
        folder.mkdir()
    files = {
        site / package / "__init__.py": '"""A plugin that only counts."""\n',
        site / package / "commands.py": MODULE,
        info / "METADATA": METADATA.format(name=name),
        info / "entry_points.txt": f"[rtp.commands]\n{name} = {package}.commands\n",
    }
    for path, content in files.items():
        path.write_text(content)
    (info / "RECORD").write_text("".join(f"{path.relative_to(site)},,\n" for path in [*files, info / "RECORD"]))


CASES = [
    Case("plugins-twenty", f"the {LIMIT_SECONDS * 1000:g} ms that they may add to rtp --help", 1.0, "lower", twenty)
]
