"""kill -9 of each process in turn while members are written: it comes back and no accepted write is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp.testing.waiting import eventually
from tests.runtime.conftest import New
from tests.runtime.instances import Platform, Way, ways

PAUSE = 0.05
PATIENCE = 10.0
VICTIMS = ("supervisor", "postgres", "valkey", "api", "worker")
USERS = [way for way in ways() if way.name in ("root", "an ordinary user")]


class Connection(http.client.HTTPConnection):
    """HTTP over the instance's unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("rtp", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def create(path: str, email: str) -> bool:
    """Whether the server said that it created the member."""
    connection = Connection(path)
    body = json.dumps({"email": email, "name": "Ada", "timezone": "UTC"})
    try:
        connection.request("POST", "/v1/users", body, {"Content-Type": "application/json", "Idempotency-Key": email})
        return connection.getresponse().status == 201
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def writing(path: str) -> Iterator[list[str]]:
    """Twenty writes a second from a thread; the e-mails that were accepted so far."""
    accepted: list[str] = []
    enough = threading.Event()

    def write() -> None:
        number = 0
        while not enough.wait(PAUSE):
            number += 1
            email = f"member-{number}@example.com"
            if create(path, email):
                accepted.append(email)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield accepted
    finally:
        enough.set()
        thread.join()


def ten_more(accepted: list[str]) -> None:
    """Wait until ten more writes were accepted."""
    wanted = len(accepted) + 10
    eventually("ten more writes are accepted", lambda: len(accepted) >= wanted)


def stored(platform: Platform, socket_path: str) -> set[str]:
    password = Instance(Settings(home=str(platform.home))).secrets().owner_password
    url = f"postgresql://rtp_owner:{password}@/rtp?host={Path(socket_path).parent}"
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT email FROM users")}


@pytest.mark.prove("kills", sample=True)
@pytest.mark.parametrize("way", USERS, ids=lambda way: way.name.replace(" ", "-"))
def test_no_accepted_write_is_lost_whichever_process_is_killed(new: New, way: Way) -> None:
    platform = new(way=way)
    path = platform.json("up")["socket"]
    with writing(path) as accepted:
        for victim in VICTIMS:
            ten_more(accepted)
            os.kill(platform.pid(victim), signal.SIGKILL)
            if victim == "supervisor":
                platform.rtp("up")
            eventually(f"all is well after the end of {victim}", platform.healthy)
            ten_more(accepted)
    assert len(accepted) == len(set(accepted))
    assert set(accepted) <= stored(platform, path)
    platform.rtp("down")
    assert platform.processes() == []
