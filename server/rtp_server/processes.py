"""The preloaded child: imports the server once, with no loop and no connection, and forks API and worker from it.

It is started by the supervisor with the end of a socket pair and the two listening sockets; when that pair is closed,
everything here ends.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import uvicorn
import uvloop

from rtp.errors import RtpError
from rtp.runtime import adopt, tied
from rtp.runtime.control import Command, Event, Lines, send
from rtp.settings import Settings, load

if TYPE_CHECKING:
    from rtp.migrations.schema import SchemaState

PRELOADED = ("rtp_server.app", "rtp_server.worker", "uvicorn.protocols.http.httptools_impl", "uvicorn.lifespan.on")
DRAIN_SECONDS = 5
END_SECONDS = 8.0
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Preloaded:
    """The parent of the API processes and the worker."""

    def __init__(self, control: socket.socket, listeners: list[socket.socket], settings: Settings) -> None:
        self.control = control
        self.listeners = listeners
        self.settings = settings
        self.children: dict[int, str] = {}

    def serve(self) -> None:
        """Obey the supervisor until it closes the control socket or SIGTERM comes, then end the children."""
        ends = _SignalPipe(*HANDLED)
        lines = Lines(self.control)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(ends.reader, selectors.EVENT_READ)
            send(self.control, Event(event="loaded"))
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if ends.reader in ready and ends.read() & {signal.SIGTERM, signal.SIGINT}:
                    break
                self.reap()
                if self.control in ready:
                    received = lines.read()
                    if received is None:
                        break
                    for line in received:
                        self.obey(msgspec.json.decode(line, type=Command))
        self.end()

    def obey(self, command: Command) -> None:
        """Carry out one command and answer it."""
        if command.do == "prepare":
            send(self.control, self.prepare(create=command.create))
            return
        target = {"api": self.run_api, "worker": self.run_worker}[command.role]
        pid = self.fork(command.name, target)
        self.children[pid] = command.name
        send(self.control, Event(event="forked", name=command.name, pid=pid))

    def fork(self, name: str, target: Callable[[], None]) -> int:
        """Fork a child that runs `target` and ends with us."""
        parent = os.getpid()
        log = self.settings.home_folder() / "logs" / f"{name.partition('-')[0]}.log"
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # a SIGTERM between fork and reset would be swallowed
        pid = os.fork()
        if pid == 0:
            self.control.close()
            _become(name, parent, target, log)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return pid

    def prepare(self, *, create: bool) -> Event:
        """Bring the schema in order in a child of its own, so that no connection is ever inherited."""
        reader, writer = os.pipe()
        pid = self.fork("prepare", lambda: _prepare(writer, self.settings, create=create))
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            text = answer.read()
        _, status = os.waitpid(pid, 0)
        if not text:
            code = os.waitstatus_to_exitcode(status)
            return Event(event="prepared", error=f"preparing the database ended with exit {code}")
        return msgspec.json.decode(text, type=Event)

    def run_api(self) -> None:
        """One API process on the inherited sockets."""
        create_app = importlib.import_module("rtp_server.app").create_app
        config = uvicorn.Config(
            create_app(self.settings),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server = uvicorn.Server(config)
        server.run(sockets=self.listeners)
        if not server.started:
            raise SystemExit(1)

    def run_worker(self) -> None:
        """The worker process, until SIGTERM."""
        for listener in self.listeners:
            listener.close()
        run = importlib.import_module("rtp_server.worker").run
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(self.settings))

    def reap(self) -> None:
        """Tell the supervisor which children ended."""
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                name = self.children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                send(self.control, Event(event="exited", name=name, pid=pid, code=code))

    def end(self) -> None:
        """End every child: first asked, after a while killed."""
        for pid in self.children:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        for pid in self.children:
            if not adopt.wait(pid, max(0.0, deadline - time.monotonic())):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.children.clear()


class _SignalPipe:
    """Signals as bytes on a socket, so that one selector waits for them and for the supervisor."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)

    def read(self) -> set[int]:
        """The signals that came."""
        try:
            return set(self.reader.recv(4096))
        except BlockingIOError:
            return set()


def _become(name: str, parent: int, target: Callable[[], None], log: Path) -> NoReturn:
    """The child's life after the fork; it never returns into the parent's loop."""
    code = 1
    try:
        tied.end_with_parent(parent)
        tied.name_process(f"rtp-{name}")
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        target()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of this process: what it knows must reach the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _prepare(writer: int, settings: Settings, *, create: bool) -> None:
    from rtp.migrations import service

    with os.fdopen(writer, "wb") as answer:
        try:
            found = _schema(settings.database_owner_url or settings.database_url)
            if settings.database_owner_url and (found.state == "current" or (found.state == "empty" and create)):
                found = service.prepare(settings.database_owner_url)
        except RtpError as error:
            answer.write(msgspec.json.encode(Event(event="prepared", error=error.message)))
            return
        text = ""
        if found.state == "ahead":
            text = f"The database is at {found.current}, this version of rtp knows it up to {found.wanted}."
        answer.write(msgspec.json.encode(Event(event="prepared", schema=found.state, error=text)))


def _schema(url: str) -> SchemaState:
    from sqlalchemy import NullPool, create_engine

    from rtp.db.engine import url_of
    from rtp.migrations import schema

    engine = create_engine(url_of(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return schema.read(connection)
    finally:
        engine.dispose()


def _preload() -> None:
    for module in PRELOADED:
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is loaded stays shared: the collector does not touch, and so copy, its pages


def main() -> None:
    """Import the server, then serve the supervisor."""
    control, *listeners = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    tied.name_process("rtp-preloader")
    _preload()
    Preloaded(control, listeners, load()).serve()


if __name__ == "__main__":
    main()
