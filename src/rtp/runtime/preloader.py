"""The supervisor's end of the control pair with the preloaded child."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Literal

import msgspec

from rtp.runtime.control import Command, Event

ANSWER_SECONDS = 30.0


class PreloaderGone(Exception):
    """The preloaded child ended before it answered."""


class Preloader:
    """What is known of the preloaded child, and the questions that it is asked."""

    def __init__(self) -> None:
        self.loaded = asyncio.Event()
        self.prepared = asyncio.Event()
        self.schema = ""
        self.error = ""
        self.exits: dict[int, int] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._ours: socket.socket | None = None

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """A new control pair: yields the child's end, and reads ours from then on."""
        self.close()
        self.loaded.clear()  # the event itself stays: somebody may be waiting for the next child already
        ours, theirs = socket.socketpair()
        self._ours = ours
        with theirs:
            yield theirs
        self._reading = asyncio.create_task(self._read(ours))

    def close(self) -> None:
        """Drop the control pair; the child ends by itself when it sees that."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
        elif self._ours is not None:
            self._ours.close()
        self._writer = self._reading = self._ours = None

    async def _read(self, ours: socket.socket) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            while line := await reader.readline():
                self._take(msgspec.json.decode(line, type=Event))
        except (ConnectionError, msgspec.DecodeError):
            pass  # the child is gone; its keeper sees the exit itself
        finally:
            if self._ours in (ours, None):  # nobody has taken its place yet
                self.loaded.clear()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(PreloaderGone())

    def _take(self, event: Event) -> None:
        if event.event == "loaded":
            self.loaded.set()
        elif event.event == "exited":
            self.exits[event.pid] = event.code
        elif event.event == "prepared":
            self.schema, self.error = event.schema, event.error
            self._answer("prepare", 0)
        else:
            self._answer(event.name, event.pid)

    def _answer(self, name: str, value: int) -> None:
        answer = self._answers.pop(name, None)
        if answer is not None and not answer.done():
            answer.set_result(value)

    async def fork(self, name: str, role: Literal["api", "worker"]) -> int:
        """Have a process forked; its pid.

        Raises: PreloaderGone.
        """
        return await self._ask(name, Command(do="fork", name=name, role=role))

    async def prepare(self, *, create: bool) -> None:
        """Have the database's schema brought in order; `schema` or `error` say what was found.

        An empty database gets its schema only where we made it: `create`.

        Raises: PreloaderGone.
        """
        await self._ask("prepare", Command(do="prepare", create=create), seconds=600.0)

    async def _ask(self, name: str, command: Command, seconds: float = ANSWER_SECONDS) -> int:
        if self._writer is None:
            raise PreloaderGone
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode(command) + b"\n")
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            raise PreloaderGone from None
        finally:
            self._answers.pop(name, None)
