"""What is pinned for every test."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rtp.db.frame import Frame
from rtp.kit.clock import FixedClock
from rtp.testing.pinned import SocketClosed, pin_environment


def test_a_test_cannot_leave_the_machine() -> None:
    with socket.socket() as peer, pytest.raises(SocketClosed):
        peer.connect(("192.0.2.1", 80))
    with socket.socket() as peer, pytest.raises(SocketClosed):
        peer.connect_ex(("example.org", 80))


def test_the_loopback_and_unix_sockets_stay_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as peer:
        assert peer.getpeername() == server.getsockname()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(tmp_path / "s"))


def test_the_settings_of_the_person_at_the_keyboard_are_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RTP_TOKEN", "rtp_secret")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/somebody/.config")
    monkeypatch.setenv("no_color", "1")
    pin_environment(monkeypatch, tmp_path)
    assert {"RTP_TOKEN", "XDG_CONFIG_HOME", "no_color"}.isdisjoint(os.environ)
    assert (os.environ["HOME"], os.environ["TZ"], os.environ["COLUMNS"]) == (str(tmp_path), "UTC", "80")


async def test_a_frame_stands_at_the_pinned_instant(frame: Frame, clock: FixedClock) -> None:
    assert frame.now == clock.now() == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
