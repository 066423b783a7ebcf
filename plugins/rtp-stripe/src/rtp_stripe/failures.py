"""What each of Stripe's errors says about whether money moved; the table is in the README."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

from rtp.errors import RtpError
from rtp.payments.errors import ProviderKeyReused, ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from rtp_stripe.wire import NoAnswer

MISSING = "resource_missing"


@contextmanager
def moving(key: str) -> Iterator[None]:
    """A call that moves money: whatever is not surely undone is of unknown outcome.

    Raises: ProviderOutcomeUnknown, ProviderUnavailable, ProviderRefused, ProviderKeyReused.
    """
    try:
        yield
    except stripe.StripeError as error:
        raise meaning(error, key) from error


@contextmanager
def reading() -> Iterator[None]:
    """A call that moves nothing, so that no answer is the same as not asked.

    Raises: ProviderUnavailable, ProviderRefused.
    """
    try:
        yield
    except stripe.StripeError as error:
        raise meaning(error, None) from error


def meaning(error: stripe.StripeError, key: str | None) -> RtpError:
    """An error of Stripe in the words of the port; without a key it was a call that moves nothing."""
    if isinstance(error, stripe.IdempotencyError) and key is not None:
        return ProviderKeyReused(key=key)
    if isinstance(error, (stripe.InvalidRequestError, stripe.CardError)):
        return ProviderRefused(why=words(error))
    if _surely_undone(error) or key is None:
        return unavailable(error)
    return ProviderOutcomeUnknown(key=key, why=words(error))


def missing(error: stripe.StripeError) -> bool:
    """Whether it says that there is no such object."""
    return isinstance(error, stripe.InvalidRequestError) and (error.code == MISSING or error.http_status == 404)


def unavailable(error: stripe.StripeError) -> ProviderUnavailable:
    """An answer that nothing was done; it bears the status, and the wait that was asked for."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    seconds = headers.get("retry-after", "")
    extra: dict[str, Any] = {"retry_after": float(seconds)} if re.fullmatch("[0-9]{1,6}", seconds) else {}
    if error.http_status:
        extra["answered"] = error.http_status
    return ProviderUnavailable(why=words(error), **extra)


def words(error: stripe.StripeError) -> str:
    """Why, with Stripe's own id of the request, by which its support finds it."""
    status = f"it answered {error.http_status}" if error.http_status else "it gave no answer"
    text = error.user_message or status
    return f"{text} ({error.request_id})" if error.request_id else text


def _surely_undone(error: stripe.StripeError) -> bool:
    """Not connected, held back by a limit, or not let in; a 409 is another call with the key, still under way."""
    if isinstance(error, NoAnswer):
        return not error.sent
    if isinstance(error, (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError)):
        return True
    return error.http_status is not None and 400 <= error.http_status < 500 and error.http_status != 409
