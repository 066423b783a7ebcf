"""Listening: an operator's machine takes messages of temporary endpoints, and says what its own handlers answered."""

from __future__ import annotations

from collections.abc import Sequence

from rtp.db.frame import Frame
from rtp.kit.text import escaped
from rtp.webhooks import deliveries, endpoints, endpoints_repository
from rtp.webhooks import deliveries_repository as repository
from rtp.webhooks.errors import WebhookListenerOnly
from rtp.webhooks.schemas import Delivery, DueDeliveries, DueDelivery, Reported, ReportTried, Tried
from rtp.webhooks.sending import KEPT_BYTES, Answered

AT_ONCE = 20


async def keep(frame: Frame, keys: Sequence[str]) -> None:
    """Say that somebody listens.

    Raises: WebhookEndpointNotFound, WebhookListenerOnly.
    """
    wanted = {endpoints.id_of(key): key for key in keys}
    there = await endpoints_repository.keep_listening(frame, wanted, frame.now + endpoints.LISTENS)
    for endpoint_id in wanted.keys() - set(there):
        raise WebhookListenerOnly(key=wanted[endpoint_id])


async def due(frame: Frame, keys: Sequence[str]) -> DueDeliveries:
    """What is to be forwarded now, signed; what cannot be signed or read any more is left out."""
    found = {endpoints.id_of(key): await endpoints.find(frame, key) for key in keys}
    items = []
    for held in await repository.due(frame, list(found), AT_ONCE):
        letter = await deliveries.letter(frame, found[held.endpoint_id], held)
        if not letter.problem:
            items.append(
                DueDelivery(
                    id=held.shown.id,
                    endpoint_id=held.shown.endpoint_id,
                    event_id=held.shown.event_id,
                    type=held.shown.type,
                    round=held.shown.round,
                    attempt=held.tries + 1,
                    headers=letter.headers,
                    body=letter.body.decode(),
                )
            )
    return DueDeliveries(items=items)


async def report(frame: Frame, request: ReportTried) -> Reported:
    """Note what came of forwarded messages, as if they had been sent from here.

    Raises: WebhookDeliveryNotFound, WebhookListenerOnly.
    """
    return Reported(deliveries=[await _note(frame, one) for one in request.tried])


async def _note(frame: Frame, tried: Tried) -> Delivery:
    held = await deliveries.find(frame, tried.delivery)
    endpoint = await endpoints.find(frame, held.shown.endpoint_id)
    if endpoint.kind != "listen":
        raise WebhookListenerOnly(key=endpoint.id)
    answer = escaped(tried.answer.encode()[:KEPT_BYTES])
    answered = Answered(tried.status, tried.ms, tried.error, answer)
    noted = await deliveries.take_in(frame, held.shown.id, tried.round, tried.attempt, answered)
    return noted or held.shown
