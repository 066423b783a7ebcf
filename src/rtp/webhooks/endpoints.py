"""Use cases of endpoints: where events go, and with which secrets they are signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.webhooks import endpoints_repository as repository
from rtp.webhooks import endpoints_secrets as secrets
from rtp.webhooks import payload, ssrf
from rtp.webhooks.errors import (
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhookEndpointOnly,
    WebhookEndpointUnchanged,
    WebhookEventsUnknown,
    WebhookLoopbackRefused,
    WebhookUrlRefused,
)
from rtp.webhooks.schemas import (
    BY_HAND,
    CreatedEndpoint,
    CreateEndpoint,
    Endpoint,
    EndpointDetail,
    EndpointState,
    RotateSecret,
    UpdateEndpoint,
)

LISTENS = timedelta(minutes=5)
"""How long a listener stays that does not ask any more."""


async def create(frame: Frame, request: CreateEndpoint) -> CreatedEndpoint:
    """Add an endpoint; its secret is in the answer, sealed in the database, and nowhere else.

    Raises: WebhookUrlRefused, WebhookLoopbackRefused, WebhookEventsUnknown.
    """
    _refuse_unknown(request.events)
    if request.kind == "listen":
        if request.url or request.loopback:
            raise WebhookUrlRefused(why="a listener has none", fields={"url": "a listener has none"})
        endpoint = await repository.add(frame, request, "", frame.now + LISTENS)
    else:
        endpoint = await repository.add(frame, request, allowed(frame, request.url, request.loopback), None)
    secret = await secrets.draw(frame, endpoint)
    frame.record("webhook_endpoint.created", endpoint.id, endpoint.version, after=_noted(endpoint))
    return await _created(frame, endpoint, secret)


async def update(frame: Frame, key: str, request: UpdateEndpoint) -> EndpointDetail:
    """Change where events go, which, or what the endpoint is said to be for.

    Raises: WebhookEndpointNotFound, WebhookEndpointOnly, WebhookUrlRefused, WebhookLoopbackRefused,
    WebhookEventsUnknown.
    """
    before = await held(frame, key)
    values: dict[str, Any] = {}
    if request.url is not None:
        values["url"] = allowed(frame, request.url, before.loopback)
    if request.events is not None:
        _refuse_unknown(request.events)
        values["events"] = list(dict.fromkeys(request.events))
    if request.description is not None:
        values["description"] = request.description
    return await _changed(frame, before, "webhook_endpoint.updated", **values)


async def rotate(frame: Frame, key: str, request: RotateSecret) -> CreatedEndpoint:
    """Draw a new secret; those before it sign beside it until the overlap ends.

    Raises: WebhookEndpointNotFound, WebhookEndpointOnly.
    """
    before = await held(frame, key)
    endpoint_id = id_of(key)
    await repository.retire_secrets(frame, endpoint_id, frame.now + timedelta(hours=request.overlap))
    secret = await secrets.draw(frame, before)
    after = await repository.change(frame, endpoint_id)
    frame.record(
        "webhook_endpoint.rotated", after.id, after.version,
        before=_noted(before), after={**_noted(after), "overlap": request.overlap},
    )  # fmt: skip
    return await _created(frame, after, secret)


async def enable(frame: Frame, key: str) -> EndpointDetail:
    """Send to an endpoint again, from now on; what it missed is sent by a resend.

    Raises: WebhookEndpointNotFound, WebhookEndpointOnly, WebhookEndpointUnchanged.
    """
    before = await held(frame, key)
    if before.state == "enabled":
        raise WebhookEndpointUnchanged(key=before.id, state=before.state)
    return await _changed(
        frame, before, "webhook_endpoint.enabled",
        state="enabled", disabled_reason="", failures=0, failing_since=None, listening_since=frame.now,
    )  # fmt: skip


async def disable(frame: Frame, key: str, why: str = BY_HAND) -> EndpointDetail:
    """Send nothing more to an endpoint; what is on its way to it is canceled when its time comes.

    Raises: WebhookEndpointNotFound, WebhookEndpointOnly, WebhookEndpointUnchanged.
    """
    before = await held(frame, key)
    if before.state == "disabled":
        raise WebhookEndpointUnchanged(key=before.id, state=before.state)
    return await _changed(frame, before, "webhook_endpoint.disabled", state="disabled", disabled_reason=why)


async def delete(frame: Frame, key: str) -> Endpoint:
    """Forget an endpoint and its secrets; the record of its deliveries goes with it, bit by bit.

    Raises: WebhookEndpointNotFound.
    """
    before = await find(frame, key, lock=True)
    endpoint_id = id_of(key)
    await repository.retire_secrets(frame, endpoint_id, frame.now)
    gone = await repository.change(frame, endpoint_id, state="deleted")
    frame.record("webhook_endpoint.deleted", gone.id, gone.version, before=_noted(before))
    return before


async def tested(frame: Frame, key: str) -> Endpoint:
    """Record the event that is sent only to this endpoint, to try it.

    Raises: WebhookEndpointNotFound, WebhookEndpointDisabled.
    """
    endpoint = await find(frame, key)
    if endpoint.state == "disabled":
        raise WebhookEndpointDisabled(key=endpoint.id, why=endpoint.disabled_reason)
    frame.record(payload.TESTED, endpoint.id, endpoint.version, after={"message": "A test, asked for by hand."})
    return endpoint


async def show(frame: Frame, key: str) -> EndpointDetail:
    """An endpoint with its keys, without their secrets.

    Raises: WebhookEndpointNotFound.
    """
    return await _detail(frame, await find(frame, key))


async def page(frame: Frame, page: PageRequest, *, state: EndpointState | None = None) -> Page[Endpoint]:
    """One page of endpoints."""
    return await repository.page(frame, page, state=state)


async def find(frame: Frame, key: str, *, lock: bool = False) -> Endpoint:
    """The endpoint; with `lock`, held for this transaction.

    Raises: WebhookEndpointNotFound.
    """
    endpoint = await repository.find(frame, id_of(key), lock=lock)
    if endpoint is None:
        raise WebhookEndpointNotFound(key=key)
    return endpoint


async def held(frame: Frame, key: str) -> Endpoint:
    """An endpoint of its own, no listener's, held for this transaction.

    Raises: WebhookEndpointNotFound, WebhookEndpointOnly.
    """
    endpoint = await find(frame, key, lock=True)
    if endpoint.kind == "listen":
        raise WebhookEndpointOnly(key=key)
    return endpoint


def id_of(key: str) -> UUID:
    """The endpoint id behind a text.

    Raises: WebhookEndpointNotFound.
    """
    return ids.parse_or("we", key, WebhookEndpointNotFound)


def allowed(frame: Frame, url: str, loopback: bool) -> str:
    """The URL as it is kept, if webhooks may go there.

    Raises: WebhookUrlRefused, WebhookLoopbackRefused.
    """
    if loopback and frame.premises.environment != "dev":
        raise WebhookLoopbackRefused(environment=frame.premises.environment, fields={"loopback": "only on dev"})
    try:
        return ssrf.parse(url, loopback=loopback).url
    except ssrf.Forbidden as error:
        raise WebhookUrlRefused(why=str(error), fields={"url": str(error)}) from error


def _refuse_unknown(patterns: list[str]) -> None:
    """An endpoint that asks for what never happens would be quiet for ever, and nobody would know why."""
    if unknown := payload.unknown(patterns):
        nouns = {one.partition(".")[0] for one in unknown}
        near = sorted(one for one in payload.TYPES if one.partition(".")[0] in nouns)
        known = ", ".join(near or ["*", *payload.families()])
        said = f"known are {known}"
        raise WebhookEventsUnknown(unknown=", ".join(unknown), known=said, fields={"events": said})


async def _changed(frame: Frame, before: Endpoint, type: str, **values: Any) -> EndpointDetail:
    after = await repository.change(frame, id_of(before.id), **values)
    frame.record(type, after.id, after.version, before=_noted(before), after=_noted(after))
    return await _detail(frame, after)


async def _detail(frame: Frame, endpoint: Endpoint) -> EndpointDetail:
    return EndpointDetail(**_fields(endpoint), keys=await repository.keys(frame, id_of(endpoint.id)))


async def _created(frame: Frame, endpoint: Endpoint, secret: str) -> CreatedEndpoint:
    keys = await repository.keys(frame, id_of(endpoint.id))
    return CreatedEndpoint(**_fields(endpoint), keys=keys, secret=secret)


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in endpoint.__struct_fields__}


def _noted(endpoint: Endpoint) -> dict[str, Any]:
    """What the audit and the event keep: of the URL only whose it is, because many hold a secret of the receiver."""
    parts = urlsplit(endpoint.url)
    kept = {name: value for name, value in _fields(endpoint).items() if name not in ("failures", "failing_since")}
    return kept | {"url": f"{parts.scheme}://{parts.netloc}/…" if endpoint.url else ""}
