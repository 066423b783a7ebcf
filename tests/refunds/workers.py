"""Worker processes of a test's own, which can be told where to die or to sleep."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rtp.settings import Settings
from rtp.testing.provider import Sandbox
from rtp.testing.servers import Cloned

WORKER = "import asyncio; from rtp.settings import load; from rtp_server.worker import run; asyncio.run(run(load()))"
SECONDS = 180.0


class Workers:
    """Starts workers on the test's database and the test's provider, and ends them."""

    def __init__(self, settings: Settings, sandbox: Sandbox, log: Path) -> None:
        self.env = os.environ | {
            "RTP_HOME": settings.home,
            "RTP_DATABASE_URL": settings.database_url,
            "RTP_REDIS_URL": settings.redis_url,
            "RTP_PROVIDER_URL": sandbox.url,
            "RTP_PROVIDER_TOKEN": sandbox.token,
        }
        self.log = log
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start a worker."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", WORKER], env=self.env | {"RTP_FAILPOINT": failpoint}, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End whatever runs still, sleeping ones too."""
        for process in self.processes:
            process.kill()
            process.wait()


def asleep(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process was stopped."""
    pid, status = os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)
    return pid != 0 and os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP


def release_sleepers(database: Cloned) -> None:
    """Have the locks of who sleeps in a transaction go after ten seconds, as a platform has it."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        name = sql.Identifier(database.name)
        connection.execute(sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '10s'").format(name))


async def comes_to_hold(what: str, condition: Callable[[], Any]) -> Any:
    """Wait until an asynchronous condition holds; what it found."""
    deadline = time.monotonic() + SECONDS
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"this did not come true: {what}"
        await asyncio.sleep(0.1)
    return found
