"""Webhooks that a real platform sends while its processes are killed under way: each arrives, and is noted once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rtp.kit import signing
from rtp.testing.instance import RunningInstance, running
from rtp.testing.kills import kill, pid_of, replaced, send_until_answered
from rtp.testing.waiting import eventually

EVENTS = 12
SLOW = 0.3
"""Seconds that the receiver takes: longer than it takes to send what may be on its way together."""

PLACES = {
    "api.after_commit": ("api", 4),
    "relay.before_delivery": ("worker", 3),
    "relay.after_delivery": ("worker", 3),
    "relay.after_commit": ("worker", 3),
    "delivery.before_send": ("worker", EVENTS + 2),
    "delivery.after_postponing": ("worker", 2),
    "delivery.after_send": ("worker", 5),
    "delivery.before_commit": ("worker", 5),
    "delivery.after_commit": ("worker", 5),
}
"""Every place between the event that is committed and the delivery that is noted: whose process dies, and which time.

The relay is a part of the worker and dies with it. All messages come to `before_send` together, before any of them is
sent: whoever died there each time sooner would die for ever.
"""
SHOW = ("webhooks", "deliveries", "show")


class Receiver:
    """Takes no message the first time it comes, every one after that; keeps all that came, in order."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes, datetime]] = []
        self._lock = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep one; the status that it is answered with."""
        with self._lock:
            known = any(before["webhook-id"] == headers["webhook-id"] for before, _, _ in self.came)
            self.came.append((headers, body, datetime.now(UTC)))
        time.sleep(SLOW)
        return 200 if known else 503


@contextmanager
def receiving() -> Iterator[tuple[Receiver, str]]:
    """A receiver in threads of this process, and its URL."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # who sent it was killed

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that was cut is what this is about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(platform: RunningInstance, *words: str) -> Any:
    """What a command prints; None while the API is away."""
    done = platform(*words, "-o", "json")
    return json.loads(done.stdout) if done.returncode == 0 else None


def happen(platform: RunningInstance, number: int) -> None:
    """Make a member under a key of its own."""
    body = {"email": f"member-{number}@example.com", "name": "Member"}
    answer = send_until_answered(platform, "/v1/users", f"k{number}", body)
    assert answer.status_code == 201, answer.text


def noted(platform: RunningInstance) -> list[dict[str, Any]]:
    """Every delivery with its attempts, once all of them have ended."""

    def ended() -> Any:
        found = ask(platform, "webhooks", "deliveries", "list", "--type", "user.created", "--limit", "200")
        return found if found and len(found) >= EVENTS and all(one["state"] != "pending" for one in found) else None

    listed = [one["id"] for one in eventually("every delivery has ended", ended)]
    return [eventually(f"{id} is shown", partial(ask, platform, *SHOW, id)) for id in listed]


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=pytest.mark.prove("kills", sample=place == "delivery.after_send")) for place in PLACES],
)
def test_every_message_arrives_under_one_id_and_is_noted_once_wherever_a_process_is_killed_again_and_again(
    tmp_path: Path, place: str
) -> None:
    service, nth = PLACES[place]
    with receiving() as (receiver, url), running(tmp_path, RTP_FAILPOINT=f"{place}:{nth}") as platform:
        made = eventually("an endpoint", lambda: ask(platform, "webhooks", "endpoints", "create", url,
                                                     "--events", "user.created", "--allow-loopback"))  # fmt: skip
        first = pid_of(platform, service)
        with ThreadPoolExecutor(max_workers=EVENTS) as pool:
            list(pool.map(lambda number: happen(platform, number), range(EVENTS)))
        replaced(platform, service, first)
        deliveries = noted(platform)
        events = ask(platform, "events", "list", "--type", "user.created", "--limit", "200")
        waiting = ("jobs", "list", "--state", "waiting", "--queue", "deliveries")
        eventually("no job is left", lambda: ask(platform, *waiting) == [])

    assert len(events) == EVENTS
    assert sorted(one["event_id"] for one in deliveries) == sorted(one["id"] for one in events)
    assert {one["state"] for one in deliveries} == {"succeeded"}
    came = Counter(headers["webhook-id"] for headers, _, _ in receiver.came)
    assert came.keys() == {one["id"] for one in events}
    for one in deliveries:
        statuses = [attempt["status"] for attempt in one["log"]]
        assert statuses.count(200) == 1
        assert statuses[-1] == 200
        assert len(statuses) == one["attempts"] <= came[one["event_id"]]
    assert len({(headers["webhook-id"], body) for headers, body, _ in receiver.came}) == EVENTS
    for headers, body, at in receiver.came:
        assert signing.verify([made["secret"]], headers, body, at) == headers["webhook-id"]
    if place == "delivery.after_send":
        assert sum(came.values()) > sum(one["attempts"] for one in deliveries), "nothing was sent and lost"


@pytest.mark.prove("kills")
def test_a_worker_killed_by_hand_while_messages_are_on_their_way_loses_none(tmp_path: Path) -> None:
    with receiving() as (receiver, url), running(tmp_path) as platform:
        ask(platform, "webhooks", "endpoints", "create", url, "--events", "user.created", "--allow-loopback")
        with ThreadPoolExecutor(max_workers=EVENTS) as pool:
            list(pool.map(lambda number: happen(platform, number), range(EVENTS)))
        eventually("one is on its way", lambda: receiver.came)
        kill(platform, "worker", wait=False)
        assert {one["state"] for one in noted(platform)} == {"succeeded"}
        assert len({headers["webhook-id"] for headers, _, _ in receiver.came}) == EVENTS
