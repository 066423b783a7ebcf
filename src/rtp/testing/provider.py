"""A sandbox provider process for tests, which can be killed and started again on the same journal and port."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtp.runtime import probe
from rtp.runtime.site import free_port, python

START_SECONDS = 20.0
POLL_SECONDS = 0.02


class Sandbox:
    """One provider: its folder, port and token stay the same from one process to the next."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journal = home / "data" / "sandbox" / "journal.ndjson"
        self.log = home / "provider.log"
        self.token = secrets.token_urlsafe(24)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_port = 0
        """Where it sends webhooks by itself; 0 is nowhere."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def begin(self, *, failpoint: str = "", environment: str = "") -> None:
        """Start a process and return at once."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        given = {"RTP_HOME": str(self.home), "RTP_PROVIDER_TOKEN": self.token, "RTP_FAILPOINT": failpoint}
        given["RTP_ENVIRONMENT"] = environment
        if self.api_port:
            given["RTP_PORT"] = str(self.api_port)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                python("rtp.payments.sandbox", "--port", str(self.port)),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ | given,
            )

    def start(self, *, failpoint: str = "") -> None:
        """Start a process and wait until it answers."""
        self.begin(failpoint=failpoint)
        deadline = time.monotonic() + START_SECONDS
        while probe.http_status(self.url, "/health/live") != 200:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox provider did not start: {self.log.read_text()}")
            time.sleep(POLL_SECONDS)

    def wait(self) -> int:
        """Wait until the process ends by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=START_SECONDS)

    def kill(self) -> None:
        """End the process as a crash would, and wait for it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Ask the process to end; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()


@contextmanager
def running(home: Path, *, own_secret: bool = False, api_port: int = 0) -> Iterator[Sandbox]:
    """A started sandbox provider that ends with the block; with `own_secret` the home is an instance that has one."""
    sandbox = Sandbox(home)
    sandbox.api_port = api_port
    if own_secret:
        sandbox.token = ""
    try:
        sandbox.start()
        yield sandbox
    finally:
        sandbox.kill()
