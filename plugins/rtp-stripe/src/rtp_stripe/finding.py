"""Finding what was made under a key of ours, which stands in the object's metadata.

Stripe's search would find it at once, but lags behind its writes by up to a minute and more; lists do not. So a list is
read from the instant on that is in the key itself (a UUIDv7), or of the last 30 days for a key that has none. What was
made in the Dashboard has its own id as key, and is fetched by it, however old it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import stripe

from rtp.kit import ids
from rtp.payments.errors import ProviderRefused
from rtp.payments.ports import Listed, ProviderCharge, ProviderRefund, Unread
from rtp_stripe import failures, objects
from rtp_stripe.calls import LATEST, Calls, Fields, fields

Told = TypeVar("Told")
KEY = re.compile(r"[!-~]{1,255}")
INTENT, REFUND = re.compile(r"pi_\w{1,250}"), re.compile(r"(re|pyr)_\w{1,250}")
"""Stripe's own ids."""
PAGE = 100
EARLIER_SECONDS = 600.0
"""How far Stripe's clock may be behind the one that made a key."""
WINDOW_SECONDS = 30 * 86_400.0


async def charge_by_key(calls: Calls, key: str) -> ProviderCharge | None:
    """The charge made under a key."""
    found = await intent_by_key(calls, key)
    return objects.charge(found) if found else None


async def intent_by_key(calls: Calls, key: str) -> Fields | None:
    """The PaymentIntent made under a key."""
    if INTENT.fullmatch(key):
        return await _by_id(key, calls.intent(key))
    made = await intents(calls, begin_of(calls, key))
    return next((one for one in made if _key(one) == key), None)


async def refund_by_key(calls: Calls, key: str) -> ProviderRefund | None:
    """The refund made under a key; what Stripe turned down it has not kept."""
    if REFUND.fullmatch(key):
        found = await _by_id(key, calls.refund(key))
        return objects.refund(found) if found else None
    made = await _refunds(calls, begin_of(calls, key))
    return next((objects.refund(one) for one in made if _key(one) == key), None)


async def charges(calls: Calls, since: datetime) -> list[ProviderCharge]:
    """All charges since an instant."""
    made = await intents(calls, since.timestamp())
    return listed((one for one in made if objects.is_business(one)), objects.charge)


async def refunds(calls: Calls, since: datetime) -> list[ProviderRefund]:
    """All refunds since an instant."""
    return listed(await _refunds(calls, since.timestamp()), objects.refund)


def listed(things: Iterable[Fields], read: Callable[[Fields], Told]) -> Listed[Told]:
    """What can be written here; the rest by name, so that one object of an unheard-of currency hides no other."""
    told, unread = [], []
    for thing in things:
        try:
            told.append(read(thing))
        except ProviderRefused as error:
            unread.append(Unread(ref=thing["id"], key=_key(thing), why=str(error.params["why"])))
    return Listed(told, unread)


async def refunds_of(calls: Calls, intent: str) -> list[ProviderRefund]:
    """All refunds of one PaymentIntent."""
    with failures.reading():
        page = await calls.client.v1.refunds.list_async({"payment_intent": intent, "limit": PAGE})
        return [objects.refund(fields(one)) async for one in page.auto_paging_iter()]


async def intents(calls: Calls, since: float) -> list[Fields]:
    """All PaymentIntents since an instant, oldest first."""
    asked: Any = window(calls, since) | {"expand": [f"data.{LATEST}"]}
    with failures.reading():
        page = await calls.client.v1.payment_intents.list_async(asked)
        return in_order(calls, since, [fields(one) async for one in page.auto_paging_iter()])


def window(calls: Calls, since: float) -> dict[str, Any]:
    """The parameters of a list since an instant; Stripe's instants are whole seconds."""
    created: dict[str, Any] = {"created": {"gte": math.floor(since)}} if calls.dialect.filters else {}
    return {"limit": PAGE} | created


def in_order(calls: Calls, since: float, things: list[Fields]) -> list[Fields]:
    """Oldest first; within a second in the order in which they were made."""
    made = things[::-1] if calls.dialect.newest_first else things
    return sorted((one for one in made if one["created"] >= math.floor(since)), key=lambda one: int(one["created"]))


def surely_new(calls: Calls, key: str) -> bool:
    """Whether Stripe still knows the key by itself, if it ever saw it; else what it made has to be looked for."""
    made = _made_at(key)
    return made is not None and 0 <= calls.clock() - made < calls.dialect.keys_kept


def begin_of(calls: Calls, key: str) -> float:
    """The instant from which on an object with this key can be."""
    made = _made_at(key)
    return calls.clock() - WINDOW_SECONDS if made is None else made - EARLIER_SECONDS


async def _refunds(calls: Calls, since: float) -> list[Fields]:
    asked: Any = window(calls, since)
    with failures.reading():
        page = await calls.client.v1.refunds.list_async(asked)
        return in_order(calls, since, [fields(one) async for one in page.auto_paging_iter()])


async def _by_id(key: str, asked: Awaitable[Fields]) -> Fields | None:
    """What has its own id as key; None where there is none, or it is ours and has another."""
    try:
        found = await asked
    except stripe.StripeError as error:
        if failures.missing(error):
            return None
        raise failures.meaning(error, None) from error
    return found if _key(found) == key else None


def _key(thing: Fields) -> str:
    """Ours, or its own id of what was made in the Dashboard, as `objects` has it."""
    return str((thing.get("metadata") or {}).get(objects.KEY) or thing["id"])


def _made_at(key: str) -> float | None:
    """When a key of ours was made, in seconds since 1970."""
    prefix = key.partition("_")[0]
    try:
        return datetime.fromtimestamp((ids.parse(prefix, key).int >> 80) / 1000, UTC).timestamp()
    except (ids.WrongId, KeyError):
        return None
