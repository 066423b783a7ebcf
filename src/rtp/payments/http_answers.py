"""What an answer of the provider over HTTP says about whether money moved."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import httpx
import msgspec

from rtp.payments.errors import ProviderKeyReused, ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from rtp.payments.sandbox_wire import NOT_ATTEMPTED, Failure

T = TypeVar("T")
REFUSED = {400, 413, 422}
"""What says something about the request itself. A 401 or a strange 404 does not: with an earlier token or URL the same
key may have been accepted, so it is never the last word on an intent.
"""


def settled(answer: httpx.Response, key: str, returns: type[T]) -> T:
    """What a call that moves money led to; whatever is not surely undone is of unknown outcome.

    Raises: ProviderOutcomeUnknown, ProviderUnavailable, ProviderRefused, ProviderKeyReused.
    """
    status, failed = answer.status_code, failure(answer)
    if status in (200, 201, 402):
        try:
            return msgspec.json.decode(answer.content, type=returns)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ProviderOutcomeUnknown(key=key, why=f"its answer cannot be read: {error}") from error
    if status == httpx.codes.TOO_MANY_REQUESTS or failed.code == NOT_ATTEMPTED:
        raise unavailable(answer)
    if status == httpx.codes.CONFLICT:
        raise ProviderKeyReused(key=key)
    if status in REFUSED:
        raise ProviderRefused(why=failed.detail or f"it answered {status}")
    if answer.is_client_error:
        raise unavailable(answer)
    raise ProviderOutcomeUnknown(key=key, why=f"it answered {status}")


def thing(answer: httpx.Response, returns: type[T]) -> T:
    """What a call that moves nothing answered.

    Raises: ProviderRefused, ProviderUnavailable.
    """
    if answer.status_code != httpx.codes.OK:
        if answer.status_code in REFUSED:
            raise ProviderRefused(why=failure(answer).detail or f"it answered {answer.status_code}")
        raise unavailable(answer)
    try:
        return msgspec.json.decode(answer.content, type=returns)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderUnavailable(why=f"its answer cannot be read: {error}") from error


def unavailable(answer: httpx.Response) -> ProviderUnavailable:
    """The error for an answer that says that nothing was done; it bears the status, and the wait that was asked for."""
    seconds = answer.headers.get("retry-after", "")
    asked: dict[str, Any] = {"retry_after": float(seconds)} if re.fullmatch("[0-9]{1,6}", seconds) else {}
    why = failure(answer).detail or f"it answered {answer.status_code}"
    return ProviderUnavailable(why=why, answered=answer.status_code, **asked)


def failure(answer: httpx.Response) -> Failure:
    """The failure in an answer; empty when there is none, or when something else than the provider answered."""
    if answer.is_success:
        return Failure()
    try:
        return msgspec.json.decode(answer.content, type=Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Failure()


def in_words(error: Exception) -> str:
    """Why no answer came."""
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "no answer in time"
    return str(error) or "the connection was lost"
