"""Use cases of the sandbox provider: look at it, steer it, let a cardholder object; it is asked outside of frames."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from rtp.db.listing import PageRequest, instant_of, page_of_items
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.payments import http_provider
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from rtp.payments.http_provider import HttpProvider
from rtp.payments.schemas import Payment
from rtp.sandbox.errors import DisputeNotOpened, PaymentNotCharged, SandboxNotOnProd
from rtp.sandbox.schemas import Control, OpenDispute, Sandbox, SandboxDispute, SandboxEvent
from rtp.settings import Settings

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def provider(settings: Settings) -> AsyncIterator[HttpProvider]:
    """The sandbox of the settings, for one use.

    Raises: SandboxNotOnProd, ProviderUnavailable.
    """
    if settings.environment == "prod":
        raise SandboxNotOnProd()
    opened = http_provider.connect(settings)
    try:
        yield opened
    finally:
        await opened.close()


async def show(settings: Settings) -> Sandbox:
    """How it is steered, and how much its record holds."""
    async with provider(settings) as sandbox:
        return await sandbox.sandbox()


async def events(settings: Settings, page: PageRequest) -> Page[SandboxEvent]:
    """One page of its newest events, newest first.

    Raises: InvalidInput for a bad cursor, sort or time.
    """
    async with provider(settings) as sandbox:
        found = await sandbox.sandbox_events()
    now = datetime.now(UTC)
    since = instant_of("since", page.since, now) if page.since else datetime.min.replace(tzinfo=UTC)
    until = instant_of("until", page.until, now) if page.until else FOREVER
    return page_of_items(page, [one for one in found if since <= one.created_at < until], _newest_first)


async def steer(sandbox: HttpProvider, control: Control) -> None:
    """Make it misbehave, or behave."""
    await sandbox.steer(control)


async def dispute(
    sandbox: HttpProvider, payment: Payment, request: OpenDispute, *, key: str = "", dry_run: bool = False
) -> SandboxDispute:
    """Let the cardholder object to a payment; a dry run only says to how much of it.

    Raises: PaymentNotCharged, DisputeNotOpened, ProviderUnavailable: whoever repeats it under its key opens one.
    """
    try:
        amount = Money(request.amount, request.currency or payment.amount.currency) if request.amount else None
        opened = await sandbox.open_dispute(key, payment.id, request.reason, amount, dry_run=dry_run)
    except ProviderRefused as refused:
        raise DisputeNotOpened(key=payment.id, why=refused.params["why"]) from refused
    except ValueError as error:  # no currency, or more than money can be
        raise DisputeNotOpened(key=payment.id, why=error) from error
    except ProviderOutcomeUnknown as unknown:
        raise ProviderUnavailable(why=unknown.params["why"]) from unknown
    if opened is None:
        raise PaymentNotCharged(key=payment.id)
    return SandboxDispute(payment=payment.id, amount=opened.amount, reason=opened.reason, state=opened.state)


def _newest_first(event: SandboxEvent) -> str:
    return f"{(FOREVER - event.created_at).total_seconds():020.6f} {event.id}"
