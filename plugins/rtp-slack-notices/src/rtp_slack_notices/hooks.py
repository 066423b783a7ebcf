"""What this plugin gives to the server and the worker."""

from __future__ import annotations

from typing import Any

from rtp.db.frame import Frame
from rtp.events.relay import Consumer
from rtp.jobs.spec import JobSpec
from rtp.permissions import Role
from rtp.plugins.hooks import hookimpl
from rtp_server.operation import operation
from rtp_slack_notices import notifying, schemas, service
from rtp_slack_notices.schemas import QueuedNotice, SlackNotices, UpdateSlackNotices


@operation(schemas.SHOW)
async def show(frame: Frame) -> SlackNotices:
    """Show where notices go."""
    return await service.show(frame)


@operation(schemas.UPDATE)
async def update(frame: Frame, data: UpdateSlackNotices) -> SlackNotices:
    """Change where notices go."""
    return await service.update(frame, data)


@operation(schemas.CHECK)
async def check(frame: Frame) -> QueuedNotice:
    """Queue a test notice."""
    return await service.check(frame)


@hookimpl
def routes() -> list[Any]:
    """The operations of the notices."""
    return [show, update, check]


@hookimpl
def roles() -> dict[str, Role]:
    """Who may use them."""
    return {schemas.SHOW.id: "viewer", schemas.UPDATE.id: "operator", schemas.CHECK.id: "operator"}


@hookimpl
def jobs() -> tuple[JobSpec, ...]:
    """The job that sends."""
    return notifying.JOBS


@hookimpl
def consumers() -> tuple[Consumer, ...]:
    """The consumer that queues."""
    return notifying.CONSUMERS
