"""What no test may depend on, pinned: the environment, the home folder, the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost")
KEPT = ("RTP_TEST_RUN", "RTP_PG_BIN")
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "COLUMNS": "80", "LINES": "24", "TERM": "dumb"}
UNWANTED = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "PYTHONDONTWRITEBYTECODE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
)


class SocketClosed(AssertionError):
    """A test tried to leave the machine."""


def pin_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """No RTP_ or XDG_ setting of the person who runs the tests, an empty home, UTC, a plain terminal of 80 columns."""
    for name in list(os.environ):
        if (name.startswith(("RTP_", "XDG_")) and name not in KEPT) or name.upper() in UNWANTED:
            monkeypatch.delenv(name)
    for name, value in FIXED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))


def close_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection but those to unix sockets and the loopback."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    """A connect that looks at the address first."""

    def look_first(self: socket.socket, address: Any) -> Any:
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if inet and not str(address[0]).startswith(LOOPBACK):
            raise SocketClosed(f"tests do not talk to {address[0]}:{address[1]}")
        return connect(self, address)

    return look_first
