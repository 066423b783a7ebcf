"""The sender on real connections: it goes to the address that it looked at, follows nothing, and ends in time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkStream

from rtp.kit.text import escaped
from rtp.webhooks.sending import AT_ONCE, KEPT_BYTES, Full, Sender
from tests.webhooks.receivers import answer, certificates, receiving

NAME = "hooks.example.com"
PUBLIC = "93.184.215.14"
SECOND = "93.184.215.15"
HEADERS = {"webhook-id": "evt_1", "Content-Type": "application/json"}


class Names:
    """A resolver that answers as it is told, another time perhaps differently, and counts how often it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Routed(AnyIOBackend):
    """The open internet on the loopback: public addresses lead to ports here; nothing else can be connected to."""

    def __init__(self, **routes: int) -> None:
        self.routes = routes
        self.connected: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        self.connected.append(host)
        return await super().connect_tcp("127.0.0.1", self.routes[host], timeout, local_address, socket_options)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificates(tmp_path, NAME)


async def test_a_message_goes_to_the_looked_at_address_under_its_name(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with receiving(tls[0]) as receiver:
        backend, names = Routed(**{PUBLIC: receiver.port}), Names([PUBLIC])
        sender = Sender(resolver=names, backend=backend, tls=tls[1])
        done = await sender.post(f"https://{NAME}/hook?a=b", HEADERS, b'{"a": 1}')
    assert (done.status, done.error, done.answer, done.taken) == (200, "", "ok", True)
    [request] = receiver.requests
    assert request.line == "POST /hook?a=b HTTP/1.1"
    assert request.headers["host"] == NAME
    assert request.headers["webhook-id"] == "evt_1"
    assert request.body == b'{"a": 1}'
    assert receiver.names == [NAME]
    assert (names.asked, backend.connected) == ([NAME], [PUBLIC])


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1"])
async def test_a_name_that_is_rebound_between_two_looks_leads_nowhere_else(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], inside: str
) -> None:
    async with receiving(tls[0]) as receiver:
        backend, names = Routed(**{PUBLIC: receiver.port}), Names([PUBLIC], [inside])
        sender = Sender(resolver=names, backend=backend, tls=tls[1])
        first = await sender.post(f"https://{NAME}/", HEADERS, b"{}")
        assert (first.status, len(names.asked)) == (200, 1)
        second = await sender.post(f"https://{NAME}/", HEADERS, b"{}")
    assert second.status is None
    assert second.error.startswith("refused: ")
    assert backend.connected == [PUBLIC]


async def test_one_bad_address_among_good_ones_stops_the_message(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    backend = Routed()
    done = await Sender(resolver=Names([PUBLIC, "10.0.0.1"]), backend=backend).post(f"https://{NAME}/", HEADERS, b"{}")
    assert (done.status, backend.connected) == (None, [])
    assert "10.0.0.1" in done.error


async def test_the_next_looked_at_address_is_tried_when_one_takes_no_connection(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with receiving(tls[0]) as receiver:
            backend = Routed(**{PUBLIC: closed.getsockname()[1], SECOND: receiver.port})
            sender = Sender(resolver=Names([PUBLIC, SECOND]), backend=backend, tls=tls[1])
            assert (await sender.post(f"https://{NAME}/", HEADERS, b"{}")).status == 200
    assert backend.connected == [PUBLIC, SECOND]


async def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Path) -> None:
    server, client = certificates(tmp_path, "other.example.com")
    async with receiving(server) as receiver:
        sender = Sender(resolver=Names([PUBLIC]), backend=Routed(**{PUBLIC: receiver.port}), tls=client)
        done = await sender.post(f"https://{NAME}/", HEADERS, b"secret")
    assert done.status is None
    assert "certificate" in done.error
    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_is_no_success(status: int) -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.says(status, b"", f"Location: {inside.url}")
        done = await Sender().post(receiver.url, HEADERS, b"{}", loopback=True)
        assert inside.connections == 0
    assert (done.status, done.taken) == (status, False)
    assert "redirect" in done.error


@pytest.mark.parametrize(
    "status,taken",
    [(200, True), (204, True), (299, True), (199, False), (300, False), (304, False), (410, False), (500, False)],
)
async def test_only_2xx_says_that_a_message_was_taken(status: int, taken: bool) -> None:
    async with receiving() as receiver:
        receiver.says(status)
        if status == 199:
            receiver.answers = [answer(199) + answer(500)]  # an interim answer is not the last word
        assert (await Sender().post(receiver.url, HEADERS, b"{}", loopback=True)).taken is taken


async def test_an_endless_answer_is_read_only_at_its_beginning() -> None:
    async with receiving() as receiver:
        receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000]
        done = await Sender().post(receiver.url, HEADERS, b"{}", loopback=True)
    assert (done.status, len(done.answer)) == (200, KEPT_BYTES)


async def test_a_receiver_that_never_answers_is_given_up_in_time() -> None:
    async with receiving() as receiver:
        receiver.hangs = True
        done = await Sender(seconds=0.05).post(receiver.url, HEADERS, b"{}", loopback=True)
        assert (done.status, done.error) == (None, "no answer within 0.05 s")
        receiver.hangs = False
        receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"]
        assert (await Sender(seconds=5).post(receiver.url, HEADERS, b"{}", loopback=True)).error != ""


@pytest.mark.parametrize("wire", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_what_does_not_speak_http_is_told_as_a_failure(wire: bytes) -> None:
    async with receiving() as receiver:
        receiver.answers = [wire]
        done = await Sender().post(receiver.url, HEADERS, b"{}", loopback=True)
    assert (done.status, done.taken) == (None, False)
    assert done.error


async def test_nobody_listening_and_an_unknown_name_are_told_as_failures() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert (await Sender().post(url, HEADERS, b"{}", loopback=True)).error
    done = await Sender(resolver=nobody).post(f"https://{NAME}/", HEADERS, b"{}")
    assert done.error == "its name is not known"


async def test_a_stored_url_is_looked_at_again_when_it_is_called() -> None:
    async with receiving() as receiver:
        done = await Sender().post(receiver.url, HEADERS, b"{}")
    assert (done.error, receiver.connections) == ("refused: only https goes out", 0)


async def test_no_proxy_of_the_environment_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await Sender().post(receiver.url, HEADERS, b"{}", loopback=True)).taken
        assert (proxy.connections, receiver.connections) == (0, 1)


async def test_an_endpoint_has_so_many_messages_on_their_way_and_no_more() -> None:
    sender = Sender()
    places = [sender.place_for("we_1") for _ in range(AT_ONCE)]
    for place in places:
        place.__enter__()
    with pytest.raises(Full), sender.place_for("we_1"):
        pass
    with sender.place_for("we_2"):
        pass
    places[0].__exit__(None, None, None)
    with sender.place_for("we_1"):
        pass


def test_an_answer_is_kept_as_text_that_does_nothing() -> None:
    assert escaped("grüße\n".encode()) == "grüße\n"
    assert escaped(b"\x1b[31mred\x00\xff\r\t\xe2\x80\xae") == "\\x1b[31mred\\x00\\xff\\r\\t\\u202e"


async def test_messages_do_not_wait_for_one_another() -> None:
    async with receiving() as slow, receiving() as quick:
        slow.hangs = True
        sender = Sender(seconds=5)
        waiting = asyncio.create_task(sender.post(slow.url, HEADERS, b"{}", loopback=True))
        assert (await sender.post(quick.url, HEADERS, b"{}", loopback=True)).taken
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
