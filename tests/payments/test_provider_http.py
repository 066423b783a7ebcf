"""What the adapter makes of a provider that misbehaves on the wire: did money move, did it not, or is it unknown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from rtp.errors import InvalidInput
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.errors import (
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from rtp.payments.http_provider import HttpProvider, connect
from rtp.runtime.instance import Instance
from rtp.runtime.site import free_port
from rtp.settings import Settings
from rtp.testing.provider import running

TEN = Money(1000, "USD")
HASTY = httpx.Timeout(1.0)
Answering = Callable[[bytes], AbstractAsyncContextManager["Peer"]]


class Peer:
    """A server that reads one request per connection, writes fixed bytes, and hangs up."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []


@pytest.fixture
def answering() -> Answering:
    @asynccontextmanager
    async def serve(content: bytes) -> AsyncIterator[Peer]:
        peer = Peer()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            peer.requests.append(head)
            writer.write(content)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield peer

    return serve


def http(status: str, body: str, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def charge_at(url: str) -> None:
    provider = HttpProvider(url, "secret", timeout=HASTY)
    try:
        await provider.charge("k1", TEN, "card_visa", "a month")
    finally:
        await provider.close()


async def test_a_refused_connection_means_that_nothing_was_done() -> None:
    with pytest.raises(ProviderUnavailable) as refused:
        await charge_at(f"http://127.0.0.1:{free_port()}")
    assert "nothing was charged" in refused.value.problem().still


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"this is not HTTP\r\n\r\n",
        http("200 OK", "{}"),
        http("200 OK", "<html>", "text/html"),
        http("402 Payment Required", '{"code": "pay_us_first"}'),
        http("500 Internal Server Error", "oops", "text/plain"),
        http("502 Bad Gateway", "<html>", "text/html"),
        http("503 Service Unavailable", "<html>", "text/html"),
        http("504 Gateway Timeout", "{}"),
        http("302 Found", ""),
    ],
)
async def test_whatever_does_not_surely_say_otherwise_is_of_unknown_outcome(
    answering: Answering, content: bytes
) -> None:
    async with answering(content) as peer:
        with pytest.raises(ProviderOutcomeUnknown) as unknown:
            await charge_at(peer.url)
    assert unknown.value.params["key"] == "k1"
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "content, error",
    [
        (http("503 Service Unavailable", '{"code": "not_attempted", "detail": "closed"}'), ProviderUnavailable),
        (http("429 Too Many Requests", "{}"), ProviderUnavailable),
        (http("409 Conflict", "{}"), ProviderKeyReused),
        (http("401 Unauthorized", '{"code": "not_logged_in", "detail": "wrong token"}'), ProviderUnavailable),
        (http("404 Not Found", "<html>", "text/html"), ProviderUnavailable),
        (http("422 Unprocessable Entity", "[]"), ProviderRefused),
    ],
)
async def test_an_answer_that_says_it_was_not_done_is_believed(
    answering: Answering, content: bytes, error: type[Exception]
) -> None:
    async with answering(content) as peer:
        with pytest.raises(error):
            await charge_at(peer.url)


async def test_a_foreign_404_is_not_taken_for_nothing_was_made(answering: Answering) -> None:
    async with answering(http("404 Not Found", '{"code": "no_such_route"}')) as peer:
        provider = HttpProvider(peer.url, "secret")
        with pytest.raises(ProviderUnavailable):
            await provider.retrieve_refund_by_key("k1")
        await provider.close()


async def test_the_key_the_token_and_the_trace_travel_along(answering: Answering) -> None:
    mine = trace.start()
    before = trace.current.set(mine)
    async with answering(http("409 Conflict", "{}")) as peer:
        with pytest.raises(ProviderKeyReused):
            await charge_at(peer.url)
    trace.current.reset(before)
    lines = peer.requests[0].lower().split("\r\n")
    assert "idempotency-key: k1" in lines
    assert "authorization: bearer secret" in lines
    assert f"traceparent: {mine.traceparent}" in lines


@pytest.mark.parametrize("url", ["http://provider.example", "http://10.0.0.1:80", "ftp://127.0.0.1", "provider", ""])
def test_a_url_over_which_the_token_could_be_read_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="neither https nor on the loopback"):
        HttpProvider(url, "secret")


async def test_an_instance_without_a_provider_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnavailable, match="RTP_PROVIDER_URL is not set"):
        connect(Settings(home=str(tmp_path)))


async def test_the_instances_own_secret_opens_its_sandbox(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "instance"))
    Instance(settings).prepare()
    with running(Path(settings.home), own_secret=True) as sandbox:
        provider = connect(settings)
        assert (await provider.charge("k1", TEN, "card_visa", "a month")).state == "succeeded"
        await provider.close()
        stranger = connect(Settings(home=settings.home, provider_url=sandbox.url, provider_token="guessed"))
        with pytest.raises(ProviderUnavailable, match="token is missing or wrong"):
            await stranger.list_charges(datetime(2000, 1, 1, tzinfo=UTC))
        await stranger.close()
