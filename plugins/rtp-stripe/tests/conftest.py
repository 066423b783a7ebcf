"""A localstripe of the test run's own: a process, because its licence (GPL-3.0) and ours are not to meet in one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.runtime.site import free_port
from rtp_stripe import connecting
from rtp_stripe.dialect import LOCALSTRIPE
from rtp_stripe.provider import StripeProvider

KEY = "sk_test_of_a_test_run"


class Losing(httpx.AsyncHTTPTransport):
    """Carries everything, and while `on` loses the answers to what moves money."""

    on = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if self.on and request.method == "POST":
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadTimeout("lost", request=request)
        return answer


class Local:
    """localstripe, as its own users see it: over HTTP; and adapters to it."""

    pays, declines, asks = "4242424242424242", "4000000000000341", "4000002500003155"

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, key: str = "", **data: str) -> Any:
        """Ask for something without the adapter; a refusal comes back as its body."""
        return self._ask("POST", path, data=data, headers={"Idempotency-Key": key} if key else {}).json()

    def get(self, path: str) -> Any:
        """Look at something without the adapter."""
        return self._ask("GET", path).json()

    def status(self, path: str) -> int:
        """How a question is answered."""
        return self._ask("GET", path).status_code

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(auth=(KEY, ""), trust_env=False, verify=False) as client:
            return client.request(method, f"{self.url}/v1/{path}", **options)

    def card(self, number: str) -> str:
        """A PaymentMethod, as Stripe.js makes one of what a payer enters."""
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
        return str(self.post("payment_methods", type="card", **card)["id"])

    @asynccontextmanager
    async def provider(
        self, transport: httpx.AsyncBaseTransport | None = None, *, away: bool = False
    ) -> AsyncIterator[StripeProvider]:
        """An adapter to it, or to nobody."""
        url = f"http://127.0.0.1:{free_port()}" if away else self.url
        provider = StripeProvider(connecting.calls(KEY, url, LOCALSTRIPE, transport))
        try:
            yield provider
        finally:
            await provider.close()

    def losing(self) -> Losing:
        """A transport for an adapter."""
        return Losing()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A localstripe that begins with nothing; it writes its store to /tmp, and reads it back only if told to."""
    port, log = free_port(), tmp_path_factory.mktemp("localstripe") / "log"
    words = [str(Path(sys.executable).with_name("localstripe")), "--from-scratch", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
    found = Local(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 60
        while not _answers(found.url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/balance", auth=(KEY, ""), trust_env=False, verify=False).is_success
    except httpx.RequestError:
        return False
