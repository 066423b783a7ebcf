"""Use cases of received webhooks: keep an event once, process it once, note what went wrong, try again."""

from __future__ import annotations

from uuid import UUID

import msgspec

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import InvalidInput, RtpError
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.operations import Page
from rtp.webhooks import received_effects as effects
from rtp.webhooks import received_policy as policy
from rtp.webhooks import received_repository as repository
from rtp.webhooks.errors import ReceivedWebhookNotFound, ReceivedWebhookProcessed, WebhookObjectNotKnown
from rtp.webhooks.received_effects import Told
from rtp.webhooks.received_senders import Message
from rtp.webhooks.schemas import Received, ReceivedDetail, ReceivedState, Taken

QUEUE = "webhooks"


async def take(frame: Frame, message: Message) -> Taken:
    """Keep a message whose signature held, and queue its effect; a second delivery changes nothing."""
    event = message.event
    useless = message.useless or _useless(event.type if event else "")
    stored = await repository.add(
        frame,
        provider=message.provider,
        event_id=message.event_id,
        type=event.type if event else "unknown",
        about=event.subject.key if event else "",
        body=message.body,
        headers=policy.kept_headers(message.headers),
        event=None if event is None else msgspec.to_builtins(event, enc_hook=str),
        state="ignored" if useless else "received",
        outcome=useless,
        occurred_at=event.created_at if event else frame.now,
    )
    if stored is None:
        [earlier] = await repository.of_event(frame, message.event_id, message.provider)
        return Taken(id=earlier.id, duplicate=True)
    if not useless:
        _queue(frame, stored)
    return Taken(id=stored.id, duplicate=False)


async def process(frame: Frame, key: str, told: Told | None = None) -> Received:
    """Let an event have its effect and mark it processed, in one transaction; one that is done stays as it is.

    Raises: InDoubt, which asks for `told` with the provider's own word; whatever the effect refuses with.
    """
    stored = await _lock(frame, key)
    before = stored.shown
    if before.state not in policy.DUE:
        return before
    frame.causation_id = before.id
    handler = effects.HANDLERS.get(before.type)
    if handler is None or stored.event is None:
        return await _change(frame, before, state="ignored", outcome=_useless(before.type))
    outcome = await handler(frame, told or Told(event=stored.event))
    return await _change(
        frame, before, state="processed", outcome=outcome, attempts=before.attempts + 1, error_code="", error="",
        next_attempt_at=None, processed_at=frame.now,
    )  # fmt: skip


async def fail(frame: Frame, key: str, error: Exception) -> Received:
    """Note why an attempt failed, and queue the next one where our rules, not a defect of ours, refused it.

    What is about an object that only the provider has is left to reconciliation: at once where its key was never ours.
    """
    before = (await _lock(frame, key)).shown
    if before.state not in policy.DUE:
        return before
    attempts = before.attempts + 1
    known = isinstance(error, RtpError)
    wait = policy.retry_after(attempts) if known else None
    elsewhere = isinstance(error, WebhookObjectNotKnown) and (wait is None or error.params["foreign"] is True)
    after = await _change(
        frame,
        before,
        state="unmatched" if elsewhere else "failed",
        outcome=policy.UNMATCHED if elsewhere else "",
        attempts=attempts,
        error_code=error.code() if isinstance(error, RtpError) else "unexpected",
        error=error.message if isinstance(error, RtpError) else f"{type(error).__name__}: see rtp logs worker",
        next_attempt_at=None if wait is None or elsewhere else frame.after(wait),
    )
    if after.next_attempt_at is not None:
        _queue(frame, after)
    if before.state != after.state:
        frame.record(f"webhook.{after.state}", after.id, after.version, before=before, after=after)
    return after


async def retry(frame: Frame, key: str) -> Received:
    """Process an event again, from its first attempt on.

    Raises: ReceivedWebhookNotFound, ReceivedWebhookProcessed.
    """
    before = (await _lock(frame, (await _named(frame, key)).id)).shown
    if before.state == "processed":
        raise ReceivedWebhookProcessed(key=before.id, outcome=before.outcome)
    after = await _change(
        frame, before, state="received", attempts=0, outcome="", error_code="", error="", next_attempt_at=None
    )
    frame.record("webhook.retried", after.id, after.version, before=before, after=after)
    await jobs.withdraw(frame, after.id, "webhooks.process")
    _queue(frame, after)
    return after


async def match(frame: Frame, provider: str, about: str) -> int:
    """Process the events again that told of what only the provider had, now that it is here; how many."""
    waiting = await repository.unmatched(frame, provider, about)
    for one in waiting:
        await retry(frame, one.id)
    return len(waiting)


async def dismiss(frame: Frame, provider: str, about: str, why: str) -> int:
    """Let the events rest that tell of what only the provider has, as a person has seen to it; how many."""
    waiting = await repository.unmatched(frame, provider, about)
    for before in waiting:
        after = await _change(frame, before, state="ignored", outcome=why)
        frame.record("webhook.dismissed", after.id, after.version, before=before, after=after)
    return len(waiting)


async def show(frame: Frame, key: str) -> ReceivedDetail:
    """A received event with its body; `key` is our id of it, or the provider's.

    Raises: ReceivedWebhookNotFound, InvalidInput when several providers used that id.
    """
    found = await repository.find(frame, _id_of((await _named(frame, key)).id))
    if found is None:  # forgotten just now, by the sweep
        raise ReceivedWebhookNotFound(key=key)
    return found


async def page(
    frame: Frame, page: PageRequest, *, state: ReceivedState | None = None, type: str = "", provider: str = "",
    about: str = "",
) -> Page[Received]:  # fmt: skip
    """One page of received events."""
    return await repository.page(frame, page, state=state, type=type, provider=provider, about=about)


def _queue(frame: Frame, event: Received) -> None:
    frame.enqueue("webhooks.process", queue=QUEUE, lock=event.id, at=event.next_attempt_at, event=event.id)


def _useless(type: str) -> str:
    """Why an event of this type has no effect here; empty when it has one."""
    return "" if type in effects.HANDLERS else f"events of the type {type} change nothing here"


async def _lock(frame: Frame, key: str) -> repository.Stored:
    stored = await repository.lock(frame, _id_of(key))
    if stored is None:
        raise ReceivedWebhookNotFound(key=key)
    return stored


async def _named(frame: Frame, key: str) -> Received:
    """The event with this id, ours or its provider's."""
    found: list[Received] = []
    if key.startswith("whr_"):
        found = [one for one in [await repository.find(frame, _id_of(key))] if one is not None]
    found = found or await repository.of_event(frame, key)
    if not found:
        raise ReceivedWebhookNotFound(key=key)
    if len(found) > 1:
        several = ", ".join(f"{one.id} of {one.provider}" for one in found)
        raise InvalidInput(what=f"{key} was sent by several providers: {several}", fields={"event": "ambiguous"})
    return found[0]


async def _change(frame: Frame, before: Received, **values: object) -> Received:
    return await repository.change(frame, _id_of(before.id), **values)


def _id_of(key: str) -> UUID:
    return ids.parse_or("whr", key, ReceivedWebhookNotFound)
