"""The lines that the supervisor and the preloaded child send each other over their socket pair."""

from __future__ import annotations

import socket
from typing import Literal

import msgspec


class Command(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the supervisor asks: bring the database's schema in order, or fork a process of a role."""

    do: Literal["prepare", "fork"]
    role: Literal["api", "worker", ""] = ""
    name: str = ""
    create: bool = False


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the preloaded child tells: it has imported the server, an answer to a command, or that a process ended."""

    event: Literal["loaded", "prepared", "forked", "exited"]
    name: str = ""
    pid: int = 0
    code: int = 0
    schema: str = ""
    error: str = ""


class Lines:
    """A blocking reader of whole lines from a socket."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._rest = b""

    def read(self) -> list[bytes] | None:
        """The lines of the next chunk, None at the end of the stream."""
        try:
            chunk = self._peer.recv(65536)
        except ConnectionResetError:
            return None
        if not chunk:
            return None
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines


def send(peer: socket.socket, message: Command | Event) -> None:
    """Send one line."""
    peer.sendall(msgspec.json.encode(message) + b"\n")
