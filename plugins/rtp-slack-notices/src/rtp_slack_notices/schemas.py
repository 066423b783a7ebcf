"""What crosses the API about the notices, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from rtp.operations import read, write

PLUGIN = "rtp-slack-notices"


class SlackNotices(Struct, kw_only=True):
    """Where notices go, and of which events; of the webhook's URL, which is a secret, only the host is shown."""

    enabled: bool
    webhook: str
    events: list[str]
    since: datetime | None
    version: int


class UpdateSlackNotices(Struct, kw_only=True, forbid_unknown_fields=True):
    """A change: `url` is the webhook's, `enabled` switches the notices; what is left out stays."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    enabled: bool | None = None


class QueuedNotice(Struct, kw_only=True):
    """A notice on its way: `key` is the same for every attempt."""

    key: str
    webhook: str
    text: str


class Kept(Struct, kw_only=True):
    """The plugin's own settings, as they are stored."""

    url: str = ""
    enabled: bool = False
    since: datetime | None = None


SHOW = read("slack_notices.show", "/slack-notices", SlackNotices)
UPDATE = write("slack_notices.update", "PUT", "/slack-notices", SlackNotices, body=UpdateSlackNotices)
CHECK = write("slack_notices.check", "POST", "/slack-notices/check", QueuedNotice)
