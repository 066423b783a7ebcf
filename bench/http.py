"""What a hot read over HTTP costs against an empty application on the same server software and the same core."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import platform
from bench.frame import Case, Measured, NotMeasured

CONNECTIONS = 32
MEMBER = "http@example.com"
SERVER = "--loop uvloop --http httptools --no-access-log --log-level error --lifespan off".split()
START_SECONDS = 30.0


def show(quick: bool) -> Measured:
    """Requests per second of `users.show`, to those of the empty application; both servers on one core, by turns."""
    instance = platform.shared()
    instance("users", "create", MEMBER, "--name", "Hot Read")
    amount, pairs = (1.0, 3) if quick else (3.0, 9)
    ours, path = platform.status(instance)["socket"], f"/v1/users/{MEMBER}"
    with ExitStack() as stack:
        process, socket = stack.enter_context(empty_server(instance.folder))
        cores = sorted(os.sched_getaffinity(0))
        for pid in (process, platform.pid(instance, "api")):
            stack.enter_context(on_cores(pid, cores[:1]))
        stack.enter_context(on_cores(0, cores[1:] or cores))

        def pair() -> float:
            return rate(ours, path, amount) / rate(socket, "/", amount)

        pair()
        return Measured([pair() for _ in range(pairs)])


@contextmanager
def empty_server(folder: Path) -> Iterator[tuple[int, str]]:
    """The empty application on uvicorn as our API runs on it: its pid and socket."""
    socket = folder / "empty.sock"
    command = [sys.executable, "-m", "uvicorn", "bench.empty:app", "--uds", str(socket), *SERVER]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:
        try:
            wait_for(socket, process)
            yield process.pid, str(socket)
        finally:
            process.terminate()


def wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server has made its socket."""
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotMeasured("the empty application did not start")
        time.sleep(0.02)


@contextmanager
def on_cores(pid: int, cores: list[int]) -> Iterator[None]:
    """Keep a process on these cores for a while."""
    before = os.sched_getaffinity(pid)
    os.sched_setaffinity(pid, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(pid, before)


def rate(socket: str, path: str, amount: float) -> float:
    """Answers per second that one server gives to all connections at once, over `amount` seconds."""
    return asyncio.run(_rate(socket, path, amount))


async def _rate(socket: str, path: str, amount: float) -> float:
    begun = time.perf_counter()
    counts = await asyncio.gather(*(_ask(socket, path, begun + amount) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - begun)


async def _ask(socket: str, path: str, until: float) -> int:
    """Ask over one connection until the time is up; how many answers came."""
    reader, writer = await asyncio.open_unix_connection(socket)
    request = f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()
    count = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise NotMeasured(head.decode("latin-1"))
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


CASES = [Case("http-show", "an empty ASGI app on uvicorn on the same core", None, "higher", show)]
