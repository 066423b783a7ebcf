"""Use cases of deliveries: made for each event and endpoint, tried on a schedule, kept with each attempt."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.events import service as events
from rtp.events.schemas import Event
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.operations import Page
from rtp.webhooks import deliveries_repository as repository
from rtp.webhooks import endpoints, endpoints_repository, endpoints_secrets, payload, schedule
from rtp.webhooks.deliveries_repository import Held, Wanted
from rtp.webhooks.errors import WebhookDeliveryNotFound, WebhookSecretSealed
from rtp.webhooks.schemas import Attempt, Delivery, DeliveryDetail, DeliveryState, Endpoint
from rtp.webhooks.sending import Answered

QUEUE = "deliveries"
SEND = "webhooks.send"
LOOKED_AT = 5_000
"""Overdue deliveries that are looked at together."""
USER_AGENT = "rtp-webhooks/1"
_random = random.SystemRandom()


class Letter(NamedTuple):
    """A message that is ready to go, or why there is none."""

    endpoint: Endpoint
    headers: dict[str, str]
    body: bytes
    loopback: bool
    problem: str = ""


async def spread(frame: Frame, happened: Sequence[Event]) -> None:
    """Make a delivery of each event for each endpoint that wants it, once, and queue its job."""
    subscribers = await endpoints_repository.subscribers(frame)
    wanted = [
        Wanted(one.id, ids.parse("evt", event.id), event.type)
        for event in happened
        for one in subscribers
        if event.timestamp >= one.since and _goes(event, one.id, one.events)
    ]
    kinds = {one.id: one.kind for one in subscribers}
    for held in await repository.add(frame, wanted):
        if kinds[held.endpoint_id] == "endpoint":
            queue(frame, held)


def queue(frame: Frame, held: Held) -> None:
    """Queue the next attempt of a delivery for when it is due."""
    frame.enqueue(
        SEND, queue=QUEUE, at=held.shown.next_attempt_at,
        delivery=held.shown.id, round=held.shown.round, attempt=held.tries + 1,
    )  # fmt: skip


async def lost(frame: Frame, before: datetime, limit: int) -> list[UUID]:
    """What is overdue and has no job; where much waits for a slow endpoint, what is overdue has one."""
    found: list[UUID] = []
    after: UUID | None = None
    while len(found) < limit:
        late = await repository.overdue(frame, before, LOOKED_AT, after)
        queued = await jobs.under_way(frame, SEND, "delivery", [held.shown.id for held in late])
        found += [held.uuid for held in late if held.shown.id not in queued]
        if len(late) < LOOKED_AT:
            break
        after = late[-1].uuid
    return found[:limit]


async def prepare(frame: Frame, key: str, round: int, attempt: int) -> Letter | None:
    """What is to be sent now; None when this attempt was made, or another round has begun."""
    held = await _expected(frame, key, round, attempt, lock=False)
    if held is None:
        return None
    endpoint = await endpoints_repository.find(frame, held.endpoint_id)
    if endpoint is None:
        return None
    return await letter(frame, endpoint, held)


async def letter(frame: Frame, endpoint: Endpoint, held: Held) -> Letter:
    """The signed message of a delivery."""
    loopback = endpoint.loopback and frame.premises.environment == "dev"
    event = await events.find(frame, held.event_id)
    if event is None:
        return Letter(endpoint, {}, b"", loopback, "its event is no longer kept")
    body = payload.body(event)
    try:
        signed = await endpoints_secrets.headers(frame, endpoint, event.id, body)
    except WebhookSecretSealed as error:
        return Letter(endpoint, {}, body, loopback, error.message)
    named = {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    return Letter(endpoint, named | signed, body, loopback)


async def cancel(frame: Frame, key: str, round: int, attempt: int, why: str) -> None:
    """Give a delivery up without an attempt."""
    held = await _expected(frame, key, round, attempt, lock=True)
    if held is not None:
        await repository.change(
            frame, held.uuid, state="canceled", next_attempt_at=None, settled_at=frame.now, last_error=why
        )


async def take_in(frame: Frame, key: str, round: int, attempt: int, answered: Answered) -> Delivery | None:
    """Note an attempt and what follows from it; None when it was noted before."""
    held = await _expected(frame, key, round, attempt, lock=True)
    if held is None:
        return None
    endpoint = await endpoints_repository.find(frame, held.endpoint_id, lock=True)
    if endpoint is None:
        return None
    number = held.shown.attempts + 1
    error = answered.error or ("" if answered.taken else f"it answered {answered.status}")
    noted = Attempt(
        number=number, at=frame.now, status=answered.status, ms=answered.ms, error=error, answer=answered.answer
    )
    await repository.add_attempt(frame, held.uuid, noted)
    values = _after(frame, attempt, answered)
    values |= {"tries": attempt, "attempts": number, "last_status": answered.status, "last_error": error}
    after = await repository.change(frame, held.uuid, **values)
    await _count(frame, endpoint, answered)
    if after.shown.state == "pending" and endpoint.kind == "endpoint":
        queue(frame, after)
    return after.shown


async def show(frame: Frame, key: str) -> DeliveryDetail:
    """A delivery with what is sent, and each attempt.

    Raises: WebhookDeliveryNotFound.
    """
    held = await find(frame, key)
    event = await events.find(frame, held.event_id)
    body = None if event is None else msgspec.json.decode(payload.body(event))
    fields = {name: getattr(held.shown, name) for name in held.shown.__struct_fields__}
    return DeliveryDetail(**fields, body=body, log=await repository.log(frame, held.uuid))


async def page(
    frame: Frame, page: PageRequest, *, endpoint: str = "", event: str = "", state: DeliveryState | None = None,
    type: str = "",
) -> Page[Delivery]:  # fmt: skip
    """One page of deliveries.

    Raises: WebhookEndpointNotFound, WebhookDeliveryNotFound for what is not the id of an event.
    """
    endpoint_id = endpoints.id_of(endpoint) if endpoint else None
    event_id = _id("evt", event) if event else None
    return await repository.page(frame, page, endpoint_id=endpoint_id, event_id=event_id, state=state, type=type)


async def find(frame: Frame, key: str, *, lock: bool = False) -> Held:
    """The delivery; with `lock`, held for this transaction.

    Raises: WebhookDeliveryNotFound.
    """
    held = await repository.find(frame, _id("whd", key), lock=lock)
    if held is None:
        raise WebhookDeliveryNotFound(key=key)
    return held


def _goes(event: Event, endpoint_id: UUID, patterns: Sequence[str]) -> bool:
    if event.type == payload.TESTED:
        return event.aggregate_id == ids.show("we", endpoint_id)
    return payload.is_sent(event.type) and payload.matches(patterns, event.type)


def _id(prefix: str, key: str) -> UUID:
    return ids.parse_or(prefix, key, WebhookDeliveryNotFound)


async def _expected(frame: Frame, key: str, round: int, attempt: int, *, lock: bool) -> Held | None:
    """The delivery, if this is the attempt that it waits for."""
    held = await repository.find(frame, _id("whd", key), lock=lock)
    if held is None or held.shown.state != "pending" or (held.shown.round, held.tries + 1) != (round, attempt):
        return None
    return held


def _after(frame: Frame, attempt: int, answered: Answered) -> dict[str, Any]:
    """How a delivery stands after an attempt."""
    state = schedule.state_after(attempt, answered.status, answered.taken)
    wait = schedule.wait(attempt, _random)
    if state == "pending" and wait is not None:
        return {"next_attempt_at": frame.now + timedelta(seconds=wait)}
    return {"state": state, "next_attempt_at": None, "settled_at": frame.now}


async def _count(frame: Frame, endpoint: Endpoint, answered: Answered) -> None:
    """Count failures in a row, and disable an endpoint that is gone or took nothing for too long."""
    endpoint_id = endpoints.id_of(endpoint.id)
    if answered.taken:
        if endpoint.failures:
            await endpoints_repository.note_failures(frame, endpoint_id, 0, None)
        return
    since = endpoint.failing_since or frame.now
    await endpoints_repository.note_failures(frame, endpoint_id, endpoint.failures + 1, since)
    if endpoint.kind == "listen" or endpoint.state == "disabled":
        return
    if schedule.is_gone(answered.status):
        await endpoints.disable(frame, endpoint.id, "it answered 410 Gone")
    elif schedule.given_up(endpoint.failures + 1, since, frame.now):
        await endpoints.disable(frame, endpoint.id, f"it took nothing since {since:%Y-%m-%d %H:%M} UTC")
