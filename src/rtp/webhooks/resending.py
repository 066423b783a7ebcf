"""Sending again: one delivery, one event, or all that an endpoint missed since a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import instant_of
from rtp.events import service as events
from rtp.kit import ids
from rtp.kit.clock import to_text
from rtp.webhooks import deliveries, endpoints, endpoints_repository, payload
from rtp.webhooks import deliveries_repository as repository
from rtp.webhooks.deliveries_repository import Held, Wanted
from rtp.webhooks.errors import (
    WebhookEndpointDisabled,
    WebhookEventNotFound,
    WebhookResendForgotten,
    WebhookResendUnclear,
)
from rtp.webhooks.schemas import Endpoint, Resend, Resent

KEPT = timedelta(days=7)
"""So long at least every delivery is kept: the least that `keep_deliveries_days` may be."""
SOON = timedelta(hours=1)
"""A command that is told is typed a while later, when still less is known."""
MOST = 500
"""Deliveries that one call begins again."""


async def resend(frame: Frame, request: Resend) -> Resent:
    """Begin deliveries again, under the same message ids, so that a receiver that had them knows.

    Raises: WebhookResendUnclear, WebhookDeliveryNotFound, WebhookEventNotFound, WebhookEndpointNotFound,
    WebhookEndpointDisabled, WebhookResendForgotten.
    """
    given = [name for name in request.__struct_fields__ if getattr(request, name)]
    more = False
    if given == ["delivery"]:
        begun = await _delivery(frame, request.delivery)
    elif given in (["event"], ["event", "endpoint"]):
        begun = await _event(frame, request.event, request.endpoint)
    elif given == ["endpoint", "since"]:
        begun, more = await _missed(frame, request.endpoint, instant_of("since", request.since, frame.now))
    else:
        raise WebhookResendUnclear(given=" and ".join(given) or "nothing")
    shown = [held.shown.id for held in begun]
    frame.summary = {"resent": len(shown), "asked": {name: getattr(request, name) for name in given}}
    return Resent(count=len(shown), deliveries=shown, more=more)


async def _delivery(frame: Frame, key: str) -> list[Held]:
    held = await deliveries.find(frame, key, lock=True)
    await _refuse_disabled(frame, ids.show("we", held.endpoint_id))
    return await _begin(frame, [held.uuid], [])


async def _event(frame: Frame, key: str, endpoint: str) -> list[Held]:
    """To every endpoint that had it or wants it, or to one of them."""
    event_id = ids.parse_or("evt", key, WebhookEventNotFound)
    event = await events.find(frame, event_id)
    if event is None or not payload.is_sent(event.type):
        raise WebhookEventNotFound(key=key)
    if endpoint:
        await _refuse_disabled(frame, endpoint)
    only = endpoints.id_of(endpoint) if endpoint else None
    live = {one.id: one for one in await endpoints_repository.subscribers(frame) if only in (None, one.id)}
    known = [held for held in await repository.of_event(frame, event_id) if held.endpoint_id in live]
    had = {held.endpoint_id for held in known}
    wanted = [
        Wanted(one.id, event_id, event.type)
        for one in live.values()
        if one.id not in had and (only is not None or payload.matches(one.events, event.type))
    ]
    return await _begin(frame, [held.uuid for held in known], wanted if event.type != payload.TESTED else [])


async def _missed(frame: Frame, endpoint: str, since: datetime) -> tuple[list[Held], bool]:
    found = await _refuse_disabled(frame, endpoint)
    await _refuse_forgotten(frame, found, since)
    if "*" in found.events:
        nouns, types = sorted(payload.SENT), []
    else:
        nouns = [one.removesuffix(".*") for one in found.events if one.endswith(".*")]
        types = [one for one in found.events if not one.endswith(".*")]
    missed = await repository.missed(frame, endpoints.id_of(endpoint), since, nouns, types, MOST + 1)
    sent = [(wanted, delivery) for wanted, delivery in missed[:MOST] if payload.is_sent(wanted.type)]
    again = [delivery for _, delivery in sent if delivery is not None]
    new = [wanted for wanted, delivery in sent if delivery is None]
    return await _begin(frame, again, new), len(missed) > MOST


async def _begin(frame: Frame, again: list[UUID], new: list[Wanted]) -> list[Held]:
    begun = await repository.begin_again(frame, again) if again else []
    begun += await repository.add(frame, new)
    for held in begun:
        endpoint = await endpoints_repository.find(frame, held.endpoint_id)
        if endpoint is not None and endpoint.kind == "endpoint":
            deliveries.queue(frame, held)
    return begun


async def _refuse_forgotten(frame: Frame, endpoint: Endpoint, since: datetime) -> None:
    """What was taken and is forgotten looks like what was missed: a delivery is only known as long as it is kept."""
    surely = frame.now - KEPT
    if since >= surely or endpoint.created_at >= surely:
        return
    known = min(surely, await repository.oldest_settled(frame) or surely)
    if since < known.replace(microsecond=0):  # the morning page tells whole seconds
        raise WebhookResendForgotten(key=endpoint.id, known=to_text(known + SOON))


async def _refuse_disabled(frame: Frame, key: str) -> Endpoint:
    """An endpoint that takes events."""
    endpoint = await endpoints.find(frame, key)
    if endpoint.state == "disabled":
        raise WebhookEndpointDisabled(key=endpoint.id, why=endpoint.disabled_reason)
    return endpoint
