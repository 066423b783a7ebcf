"""The installed `rtp` with a configuration of its own, and a small real server for it to talk to."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from rtp.testing.instance import RTP, clean_environment

USER = {
    "id": "usr_38G54Q4EBXYTQ",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "status": "active",
    "timezone": "UTC",
    "version": 1,
    "created_at": "2026-11-01T12:00:00Z",
    "updated_at": "2026-11-01T12:00:00Z",
}
PLAN = {
    "id": "plan_01M82JBJ04FCP9T6B4JW1RNYHP",
    "operation": "users.suspend",
    "created_at": "2026-11-01T12:00:00Z",
    "expires_at": "2026-11-01T12:15:00Z",
    "digest": "d",
    "changes": [
        {
            "type": "user.suspended",
            "target": USER["id"],
            "before": {"status": "active"},
            "after": {"status": "suspended"},
        }
    ],
    "jobs": [],
    "result": USER,
}


@dataclass
class Asked:
    """A request as it reached the server."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What the server says: bytes as they are, all else as JSON.

    `drop` closes the connection instead, `hang` says nothing until the test ends.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json"
    drop: bool = False
    hang: bool = False


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


class Peer:
    """A server on loopback whose answers a test writes down, by method and path."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[tuple[str, str], Answer | Callable[[Asked], Answer]] = {}
        self.environment, self.version = "dev", "1"
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> None:
        """Answer this from now on."""
        self.answers[method, path] = Answer(status, body, **more)

    def writes(self) -> list[Asked]:
        """Requests that could have changed something."""
        return [one for one in self.asked if one.method != "GET" and one.query.get("dry_run") != "true"]

    def close(self) -> None:
        """Stop."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _find(self, asked: Asked) -> Answer:
        if asked.path == "/v1/whoami":
            who = {"kind": "token", "id": "tok", "name": "test", "role": "owner"}
            said = {"environment": self.environment, "version": self.version, "instance": "peer"}
            return Answer(200, {"principal": who, **said})
        found = self.answers.get((asked.method, asked.path))
        if found is None:
            problem = {"code": "not_found", "detail": f"no answer to {asked.path}", "status": 404, "exit_code": 5}
            return Answer(404, problem, media="application/problem+json")
        return found(asked) if callable(found) else found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
                peer.asked.append(asked)
                answer = peer._find(asked)
                if answer.hang:
                    peer.ended.wait()
                if answer.drop or answer.hang:
                    self.close_connection = True
                    return
                content = _content(answer.body)
                self.send_response(answer.status)
                sent = {"Content-Type": answer.media, "X-Request-Id": "req-1"} | answer.headers
                for name, value in sent.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._any)
        return Handler


@dataclass
class Cli:
    """The installed `rtp` in a home of its own."""

    folder: Path
    env: dict[str, str]

    def __call__(self, *words: str, text: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [RTP, *words], input=text, env=self.env | env, capture_output=True, text=True, timeout=60, cwd=self.folder
        )

    def json(self, *words: str) -> Any:
        """What it prints with `-o json`."""
        done = self(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Start it and leave it running."""
        return subprocess.Popen([RTP, *words], env=self.env, cwd=self.folder, **streams)


@pytest.fixture
def rtp(tmp_path: Path) -> Cli:
    """The command line with nothing configured."""
    return Cli(tmp_path, clean_environment(tmp_path) | {"RTP_HOME": str(tmp_path / "none")})


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server whose answers the test writes."""
    server = Peer()
    yield server
    server.close()


@pytest.fixture
def there(rtp: Cli, peer: Peer) -> Cli:
    """The command line, talking to the peer."""
    rtp.env |= {"RTP_URL": peer.url, "RTP_TOKEN": "rtp_secret"}
    return rtp


class Made:
    """Makes answers, and holds the things that are answered."""

    user, plan = USER, PLAN
    staff = {
        "id": "stf_01M82JBJ04FCP9T6B4JW1RNYHP",
        "email": "ada@example.com",
        "name": "Ada",
        "role": "support",
        "status": "disabled",
        "version": 2,
        "created_at": "2026-11-01T12:00:00Z",
    }

    def __call__(self, status: int = 200, **more: Any) -> Answer:
        """An answer."""
        return Answer(status, **more)

    def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds."""
        pause = threading.Event()
        for _ in range(3000):
            if holds():
                return
            pause.wait(0.01)
        raise AssertionError("it never came to hold")


@pytest.fixture
def made() -> Made:
    """Answers to give."""
    return Made()
