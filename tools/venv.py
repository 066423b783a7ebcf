"""Make the shared virtual environment, or leave it alone when it still fits the lock.

Needs nothing but Python 3.11 and pip. The stamp holds the hashes of what the environment was made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from.json"
LOCK = ROOT / "requirements-dev.lock"


def main() -> int:
    """Bring the environment up to date; does nothing when the stamp fits."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 there is
        print(f"rtp needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if stamp() == fingerprints():
        return 0
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds it made
        wanted, made = fingerprints(), stamp()
        if made != wanted:
            make(dependencies=made.get("lock") != wanted["lock"])
            STAMP.write_text(json.dumps(wanted, indent=1) + "\n")
    return 0


def make(*, dependencies: bool) -> None:
    """Create the environment, install what the lock names, then our own distributions as editables."""
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    if dependencies:
        run(str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
    editables = [argument for folder in distributions() for argument in ("-e", str(folder))]
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *editables)


def run(*command: str) -> None:
    """Run one step and stop with its exit code when it fails."""
    print("$", " ".join(command), flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False)
    if done.returncode:
        sys.exit(done.returncode)


def environment() -> dict[str, str]:
    """The caller's environment; without bytecode every later start would cost double."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def distributions() -> list[Path]:
    """The folders of our own distributions: the platform, then each plugin."""
    return [ROOT, *sorted(file.parent for file in ROOT.glob("plugins/*/pyproject.toml"))]


def fingerprints() -> dict[str, str]:
    """What the environment depends on: the lock, and what each distribution declares."""
    declared = json.dumps([installed_parts(folder) for folder in distributions()], sort_keys=True)
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "distributions": hashlib.sha256(declared.encode()).hexdigest(),
    }


def installed_parts(folder: Path) -> list[object]:
    """What an editable install takes from a pyproject.toml; the settings of tools are no reason for another."""
    content = tomllib.loads((folder / "pyproject.toml").read_text())
    return [str(folder), content["build-system"], content["project"], content.get("tool", {}).get("hatch")]


def stamp() -> dict[str, str]:
    """What the environment was made from; empty when it is missing or half made."""
    if not PYTHON.exists() or not STAMP.exists():
        return {}
    made: dict[str, str] = json.loads(STAMP.read_text())
    return made


if __name__ == "__main__":
    sys.exit(main())
