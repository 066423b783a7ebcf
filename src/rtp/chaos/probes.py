"""Probes of experiments: questions to the running instance, answered with plain values.

Any Chaos Toolkit can call them: `{"type": "python", "module": "rtp.chaos.probes", "func": "ledger_held"}`. They find
the instance by RTP_HOME and speak to its API over its socket.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from rtp.chaos import targets
from rtp.chaos.errors import DidNotComeBack
from rtp.client import ApiError, Client, ServerTimedOut, Target, Unreachable
from rtp.kit.clock import to_text
from rtp.ledger import schemas as ledger
from rtp.payments import http_provider
from rtp.payments.ports import ProviderRefund
from rtp.products import schemas as products
from rtp.refunds import schemas as refunds
from rtp.runtime import probe
from rtp.sandbox.schemas import Control
from rtp.settings import load

OPEN_STATES = frozenset({"created", "submitted", "pending", "unknown"})
FAILED_STATES = frozenset({"failed", "canceled"})
SECONDS = 10.0


def client(timeout: float = SECONDS) -> Client:
    """A client of the instance, as its local owner."""
    return Client(Target("local", socket=str(targets.instance().socket)), timeout=timeout)


def instance_healthy() -> bool:
    """Whether a supervisor runs and every service is up."""
    return targets.status().state == "healthy"


def service_state(service: str) -> str:
    """The state of a service, such as `up` or `backoff`."""
    return targets.service(service).state


def service_restarts(service: str) -> int:
    """How often a service was restarted since the instance began."""
    return targets.service(service).restarts


def api_ready() -> bool:
    """Whether the API says that it is ready."""
    return probe.http_status(targets.instance().socket, "/health/ready") == 200


def ledger_held() -> bool:
    """Whether every rule of the books holds, recomputed from zero."""
    with client(30.0) as api:
        return api.read(ledger.CHECK).state == "held"


def prices_for_sale() -> int:
    """How many prices can be bought that are charged at once."""
    with client() as api:
        return sum(not price.trial_days for page in api.pages(products.LIST_PRICES, limit=500) for price in page.items)


def unsettled_refunds(user: str | None = None) -> int:
    """How many refunds are neither succeeded nor failed; of one member, or of all."""
    with client() as api:
        pages = api.pages(refunds.LIST, user=user, limit=500)
        return sum(refund.state in OPEN_STATES for page in pages for refund in page.items)


def refunds_unlike_provider(hours: int = 24) -> int:
    """How many refunds of the last hours differ between our books and the provider's record; 0 is right.

    Ours that succeeded must be there once with the same amount, and what the provider returned must be known to us. Its
    record is read before and after ours, so that a refund which is settled meanwhile counts for neither side.
    """
    hours = int(hours)
    before = _provider_refunds(hours)
    since = to_text(datetime.now(UTC) - timedelta(hours=hours + 1))
    with client(30.0) as api:
        ours = {one.id: one for page in api.pages(refunds.LIST, since=since, limit=500) for one in page.items}
    after = {refund.key: refund for refund in _provider_refunds(hours + 2)}
    lost = sum(
        one.state == "succeeded"
        and not ((there := after.get(one.id)) and there.state == "succeeded" and there.amount == one.amount)
        for one in ours.values()
    )
    unknown = sum(
        there.state == "succeeded" and (there.key not in ours or ours[there.key].state in FAILED_STATES)
        for there in before
    )
    return lost + unknown


def provider_behaves() -> bool:
    """Whether the sandbox provider is under no control of an experiment."""

    async def ask() -> Control:
        provider = http_provider.connect(load())
        try:
            return await provider.control()
        finally:
            await provider.close()

    return asyncio.run(ask()) == Control()


def _provider_refunds(hours: int) -> list[ProviderRefund]:
    async def ask() -> list[ProviderRefund]:
        provider = http_provider.connect(load())
        try:
            return await provider.list_refunds(datetime.now(UTC) - timedelta(hours=hours))
        finally:
            await provider.close()

    return asyncio.run(ask())


def error_ratio(requests: int = 50, path: str = "/v1/products", seconds: float = 0.0) -> float:
    """The share of reads that get no answer or one of 500 and above, spread over so many seconds."""
    requests, failed = int(requests), 0
    wait = float(seconds) / requests
    with client() as api:
        for _ in range(requests):
            began = time.monotonic()
            failed += _fails(api, path)
            targets.pause(max(0.0, wait - (time.monotonic() - began)))
    return failed / requests


def reads_keep_answering(
    requests: int = 50, path: str = "/v1/products", seconds: float = 0.0, at_most: float = 0.0
) -> float:
    """The share of failing reads; one above `at_most` is an error, so that it counts also inside a method.

    Raises: DidNotComeBack.
    """
    ratio = error_ratio(requests, path, seconds)
    if ratio > float(at_most):
        found = f"{ratio:.1%} of {requests} reads failed"
        raise DidNotComeBack(what=path, wanted="answered", seconds=f"{float(seconds):g}", found=found)
    return ratio


def _fails(api: Client, path: str) -> bool:
    try:
        api.raw("GET", path)
    except ApiError as error:
        return error.problem().status >= 500
    except (Unreachable, ServerTimedOut):
        return True
    return False
