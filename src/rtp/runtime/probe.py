"""Whether a server answers, asked in its own protocol over its socket, with nothing but the standard library."""

from __future__ import annotations

import http.client
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 1.0
PROTOCOL_3_0 = 196608


def postgres(folder: Path, port: int = 5432) -> bool:
    """Whether PostgreSQL takes connections: it answers a start-up message by asking for the password (R)."""
    body = struct.pack("!I", PROTOCOL_3_0) + b"user\0rtp_app\0database\0rtp\0\0"
    return _exchange(folder / f".s.PGSQL.{port}", struct.pack("!I", len(body) + 4) + body)[:1] == b"R"


def valkey(path: Path) -> bool:
    """Whether Valkey answers PING."""
    return _exchange(path, b"PING\r\n")[:5] == b"+PONG"


def _exchange(path: Path, message: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(SECONDS)
            peer.connect(str(path))
            peer.sendall(message)
            return peer.recv(1024)  # all of it: closing with bytes unread is a reset in the server's log
    except OSError:
        return b""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("rtp", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


def http_status(where: Path | str, path: str) -> int:
    """The status of GET `path` over a unix socket (Path) or from a URL's host (str); 0 if nobody answers."""
    if isinstance(where, Path):
        connection: http.client.HTTPConnection = _UnixConnection(where)
    else:
        parts = urlsplit(where)
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
