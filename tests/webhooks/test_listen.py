"""`rtp webhooks listen` on a real platform: routes, answers, resends, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rtp.kit import signing
from rtp.testing.instance import RTP, RunningInstance
from rtp.testing.kills import kill
from rtp.webhooks.schemas import DueDelivery
from rtp_commands import webhooks_forward
from rtp_commands.errors import Usage
from rtp_commands.webhooks_forward import route

SECONDS = 60


@dataclass
class Handler:
    """A handler of the operator's own: what it got, and what it answers."""

    port: int = 0
    status: int = 200
    answer: bytes = b""
    meanwhile: Callable[[], object] = lambda: None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def handling(status: int = 200) -> Iterator[Handler]:
    handler = Handler(status=status)

    class Serve(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            handler.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            handler.meanwhile()
            answer = handler.answer or f"I say {handler.status}".encode()
            self.send_response(handler.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serve)
    handler.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Listening:
    """A running listener whose lines are read one by one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def lines(self, count: int) -> list[dict[str, Any]]:
        return [self.line() for _ in range(count)]

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=SECONDS)


@contextmanager
def listening(instance: RunningInstance, *routes: str) -> Iterator[Listening]:
    words = [RTP, "webhooks", "listen", *(word for one in routes for word in ("--forward", one)), "--print-json"]
    process = subprocess.Popen(
        words, env=instance.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        with process:
            try:
                yield Listening(process)
            finally:
                process.kill()
    finally:
        watchdog.cancel()


def create(instance: RunningInstance, email: str) -> str:
    return str(instance.json("users", "create", email, "--name", "Some Body")["id"])


def test_events_reach_the_handlers_of_their_routes_signed_and_the_answers_are_told(instance: RunningInstance) -> None:
    with handling() as all_of_users, handling() as suspended, listening(
        instance, f"user.*={all_of_users.url}", f"user.suspended={suspended.url}"
    ) as listener:  # fmt: skip
        first, second = listener.lines(2)
        assert (first["listening"], second["listening"]) == ("user.*", "user.suspended")
        user = create(instance, "listened@example.com")
        instance.json("users", "suspend", user, "--yes")
        told = listener.lines(3)
        assert sorted((one["type"], one["url"]) for one in told) == sorted(
            [
                ("user.created", all_of_users.url),
                ("user.suspended", all_of_users.url),
                ("user.suspended", suspended.url),
            ]
        )
        assert {(one["status"], one["answer"], one["state"]) for one in told} == {(200, "I say 200", "succeeded")}
        [(headers, body)] = suspended.requests
        assert signing.verify([second["secret"]], headers, body, datetime.now(UTC)) == headers["webhook-id"]
        assert json.loads(body)["data"]["id"] == user
        assert listener.interrupt() == 130
        assert listener.process.stdout is not None
        assert listener.process.stdout.read() == ""


def test_what_a_handler_does_not_take_is_tried_again_and_a_resend_reaches_it(instance: RunningInstance) -> None:
    with handling(500) as handler, listening(instance, f"user.created={handler.url}") as listener:
        listener.line()
        create(instance, "refused@example.com")
        failed = listener.line()
        assert (failed["status"], failed["state"], failed["answer"]) == (500, "pending", "I say 500")
        assert failed["next_attempt_at"] is not None
        handler.status = 204
        again = listener.line()
        assert (again["attempt"], again["state"], again["delivery"]) == (2, "succeeded", failed["delivery"])
        instance.json("webhooks", "resend", failed["delivery"])
        resent = listener.line()
        assert (resent["attempt"], resent["status"], resent["event"]) == (1, 204, failed["event"])
        assert len({headers["webhook-id"] for headers, _ in handler.requests}) == 1
        shown = instance.json("webhooks", "deliveries", "show", failed["delivery"])
        assert [one["status"] for one in shown["log"]] == [500, 204, 204]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_listener_leaves_no_endpoint_behind(
    instance: RunningInstance, number: signal.Signals, code: int
) -> None:
    with listening(instance, "dispute.*") as listener:
        endpoint = listener.line()["endpoint"]
        assert instance.json("webhooks", "endpoints", "show", endpoint)["kind"] == "listen"
        assert listener.interrupt(number) == code
    assert instance("webhooks", "endpoints", "show", endpoint).returncode == 5


def test_a_listener_whose_reader_has_gone_ends_in_order_and_leaves_no_endpoint_behind(
    instance: RunningInstance,
) -> None:
    with listening(instance, "user.created") as listener:
        endpoint = listener.line()["endpoint"]
        assert listener.process.stdout is not None
        listener.process.stdout.close()
        create(instance, "nobody.reads@example.com")
        assert listener.process.wait(timeout=SECONDS) == 0
        assert listener.process.stderr is not None
        assert listener.process.stderr.read() == ""
    assert instance("webhooks", "endpoints", "show", endpoint).returncode == 5


def test_an_answer_of_any_bytes_is_told_as_text_and_ends_no_listener(instance: RunningInstance) -> None:
    with handling() as handler, listening(instance, f"user.created={handler.url}") as listener:
        listener.line()
        handler.answer = b"\x00\xff\xed\xa0\x80\x1b[2J"
        create(instance, "bytes@example.com")
        told = listener.line()
        assert (told["status"], told["state"]) == (200, "succeeded")
        shown = instance.json("webhooks", "deliveries", "show", told["delivery"])
        assert shown["log"][0]["answer"].isprintable()


def test_what_a_handler_took_while_the_api_died_is_not_forwarded_again(instance: RunningInstance) -> None:
    with handling() as handler, listening(instance, f"user.created={handler.url}") as listener:
        listener.line()
        handler.meanwhile = lambda: kill(instance, "api", wait=False) if len(handler.requests) == 1 else None
        create(instance, "meanwhile@example.com")
        told = listener.line()
        assert (told["status"], told["state"], told["attempt"]) == (200, "succeeded", 1)
        assert len(handler.requests) == 1


def test_a_listener_without_a_url_shows_what_comes_and_ends_when_it_was_told_to(instance: RunningInstance) -> None:
    done = instance("webhooks", "listen", "--forward", "dispute.*", "--for", "1s")
    assert (done.returncode, done.stdout) == (0, "")
    assert "dispute.* → shown here" in done.stderr


def test_a_handler_that_is_not_there_is_told_as_such(instance: RunningInstance) -> None:
    with listening(instance, "user.created=http://127.0.0.1:9/nothing") as listener:
        listener.line()
        create(instance, "nobody.listens@example.com")
        told = listener.line()
        assert (told["status"], told["state"]) == (None, "pending")
        assert told["error"]


def test_a_handler_whose_answer_never_ends_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks_forward, "SECONDS", 0.5)
    ended = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            for _ in range(100):
                if ended.wait(0.1):
                    return
                self.wfile.write(b".")

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    lane = route(f"*=http://127.0.0.1:{server.server_address[1]}/")
    forwarder = webhooks_forward.Forwarder([lane])
    message = DueDelivery(
        id="whd_1", endpoint_id="we_1", event_id="evt_1", type="user.created", round=1, attempt=1, headers={}, body="{}"
    )
    try:
        [(_, _, tried)] = forwarder.forward([(lane, message)])
    finally:
        ended.set()
        forwarder.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert (tried.status, tried.error) == (None, "no whole answer within 0.5 s")


@pytest.mark.parametrize(
    "text",
    ["refund", "*.x=http://127.0.0.1/", "refund.*=http://example.com/", "refund.*=ftp://127.0.0.1/", "=http://127.0.0.1/",
     "refund.*=127.0.0.1:3000", "refund.*=http://127.0.0.1:99999/", "refund.*=http://127.0.0.1:x/",
     "refund.*=http://127.0.0.1:0/", "refund.*=https://hooks..example/", "refund.*=https://[::1/"],
)  # fmt: skip
def test_a_route_that_is_none_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(Usage):
        route(text)
