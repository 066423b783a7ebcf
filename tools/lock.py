"""Write the hash locks: universal, with hashes, without any index address."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS: dict[str, list[str]] = {"requirements.lock": [], "requirements-dev.lock": ["--group", "dev"]}
OPTIONS = (
    "--universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate "
    "--python-version 3.11 --quiet"
).split()


def main() -> int:
    """Resolve pyproject.toml with uv from an environment of its own; `--upgrade` takes newer versions."""
    with tempfile.TemporaryDirectory(prefix="rtp-lock-") as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        for name, groups in LOCKS.items():
            what = [*OPTIONS, *groups, *sys.argv[1:], "pyproject.toml", "-o", name]
            subprocess.run([python, "-m", "uv", "pip", "compile", *what], cwd=ROOT, check=True)
            if "://" in (ROOT / name).read_text():
                print(f"{name} names an address; it must not", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
