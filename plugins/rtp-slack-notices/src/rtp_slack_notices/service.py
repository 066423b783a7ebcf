"""Where notices go: showing, changing and trying it."""

from __future__ import annotations

from msgspec import structs

from rtp import settings
from rtp.db.frame import Frame
from rtp.plugins import repository
from rtp_slack_notices import policy
from rtp_slack_notices.errors import NoWebhook
from rtp_slack_notices.schemas import PLUGIN, Kept, QueuedNotice, SlackNotices, UpdateSlackNotices

JOB = "slack_notices.send"
CHECK_TEXT = "This is a test notice from rtp. Refunds will be told here."


async def show(frame: Frame) -> SlackNotices:
    """Where notices go now."""
    return _shown(*await repository.load(frame, PLUGIN, Kept))


async def update(frame: Frame, request: UpdateSlackNotices) -> SlackNotices:
    """Change the webhook, or switch the notices.

    Raises: WebhookNotAllowed, NoWebhook when there is nothing to switch on.
    """
    before, version = await repository.load(frame, PLUGIN, Kept, lock=True)
    after = structs.replace(before)
    if request.url is not None:
        policy.webhook(request.url, loopback=loopback_allowed())
        after.url = request.url
    if request.enabled is not None:
        after.enabled = request.enabled
    if after.enabled and not after.url:
        raise NoWebhook()
    if after.enabled and not before.enabled:
        after.since = frame.now
    changed = _shown(after, await repository.save(frame, PLUGIN, after))
    frame.record(
        "slack_notices.updated", PLUGIN, changed.version, before=_shown(before, version), after=changed
    )  # fmt: skip
    return changed


async def check(frame: Frame) -> QueuedNotice:
    """Queue a test notice, whether notices are switched on or not.

    Raises: NoWebhook.
    """
    kept, version = await repository.load(frame, PLUGIN, Kept)
    if not kept.url:
        raise NoWebhook()
    queued = QueuedNotice(key=str(frame.ids.uuid()), webhook=policy.shown(kept.url), text=CHECK_TEXT)
    frame.record("slack_notices.checked", PLUGIN, version, after=queued)
    frame.enqueue(JOB, key=queued.key, text=queued.text)
    return queued


def loopback_allowed() -> bool:
    """Whether a webhook on this machine is allowed: on dev alone, where the server's neighbours are one's own."""
    return settings.load().environment == "dev"


def _shown(kept: Kept, version: int) -> SlackNotices:
    return SlackNotices(
        enabled=kept.enabled,
        webhook=policy.shown(kept.url),
        events=list(policy.EVENTS),
        since=kept.since,
        version=version,
    )
