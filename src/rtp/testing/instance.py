"""A real, throwaway platform for tests, driven through the installed `rtp`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtp.testing.pinned import FIXED, UNWANTED
from rtp.testing.servers import place

RTP = str(Path(sys.executable).parent / "rtp")
SECONDS = 120.0
HOLD = (
    "import json, os, sys; "
    "print(json.dumps({name: value for name, value in os.environ.items() if name.startswith('RTP_')}), flush=True); "
    "sys.stdin.read()"
)
"""Says where the instance is and stays until its stdin is closed, which a test run does however it ends."""


class InstanceDidNotStart(AssertionError):
    """`rtp up --ephemeral` ended before it was asked to."""


@dataclass(frozen=True)
class RunningInstance:
    """A running platform: `instance("users", "list", "-o", "json")` runs a command on it as its local owner."""

    home: Path
    url: str
    token: str
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command: this instance's home, a configuration folder of its own, nothing of ours."""
        return clean_environment(self.folder) | {"RTP_HOME": str(self.home)} | more

    def __call__(
        self, *words: str, text: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `rtp WORDS` to its end."""
        return subprocess.run(
            [RTP, *words],
            input=text,
            env=self.environment(**(env or {})),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def json(self, *words: str, text: str = "") -> Any:
        """What `rtp WORDS -o json` prints; a failure shows its stderr."""
        done = self(*words, "-o", "json", text=text)
        assert done.returncode == 0, f"rtp {' '.join(words)} ended with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)


@contextmanager
def running(folder: Path, **env: str) -> Iterator[RunningInstance]:
    """Start a throwaway instance, with more settings where given, and end it with the block.

    Raises: InstanceDidNotStart, with what it said.
    """
    said = folder / "rtp-up.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [RTP, "up", "--ephemeral", "--", sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=clean_environment(folder) | env,
            text=True,
        )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise InstanceDidNotStart(said.read_text(errors="replace"))
        where = json.loads(line)
        yield RunningInstance(Path(where["RTP_HOME"]), where["RTP_URL"], where["RTP_TOKEN"], folder)


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment of a process without any setting of the person who runs the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RTP_", "XDG_")) and name not in UNWANTED
    }
    ours = {"HOME": str(folder), "RTP_CONFIG_HOME": str(folder / "config"), "TMPDIR": place()}
    return kept | FIXED | ours
