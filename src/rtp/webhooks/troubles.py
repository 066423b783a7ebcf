"""What needs a person among the endpoints: disabled for their failures, failing now, or not brought what was given up.

An endpoint that a person disabled, and a listener, need nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.kit.clock import to_text
from rtp.kit.text import counted
from rtp.webhooks import endpoints, schedule
from rtp.webhooks import troubles_repository as repository
from rtp.webhooks.schemas import Endpoint

MOMENT = timedelta(minutes=10)
"""A receiver may be away for so long, as when it is started anew, before anybody is told."""
TOLD = timedelta(days=1)
"""How long a message that was given up is told of."""
LONGEST = timedelta(seconds=schedule.OFFSETS[-1] * (1 + schedule.JITTER))
"""From the first attempt of a message to its last: so much older may be what an endpoint did not take."""


class Trouble(Struct, frozen=True, kw_only=True):
    """One endpoint in trouble: `show` is the first of the commands that mend it, `mend` all of them."""

    kind: str
    endpoint: str
    count: int
    detail: str
    show: str
    mend: str


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of trouble on the morning page, with the command that lists those who have it."""

    kind: str
    what: str
    command: str


KINDS = (
    Kind(
        kind="disabled", what="webhook endpoints that were disabled for their failures",
        command="rtp webhooks endpoints list --state disabled",
    ),
    Kind(
        kind="failing", what="webhook endpoints that take nothing",
        command="rtp webhooks endpoints list --state enabled",
    ),
    Kind(
        kind="given up", what="webhooks that were given up today",
        command="rtp webhooks deliveries list --state failed",
    ),
)  # fmt: skip


async def found(frame: Frame) -> list[Trouble]:
    """Every endpoint that needs a person, in the order of KINDS."""
    return [
        *[await _disabled(frame, one) for one in await repository.disabled(frame)],
        *[_failing(one) for one in await repository.failing(frame, frame.now - MOMENT)],
        *[_given_up(*one) for one in await repository.given_up(frame, frame.now - TOLD)],
    ]


async def enabled_count(frame: Frame) -> int | None:
    """How many endpoints are enabled; None when there is no endpoint at all."""
    return await repository.enabled_count(frame)


def attention(troubles: list[Trouble]) -> list[tuple[str, int, str]]:
    """Each kind in a line: how many, and the command that mends it, or lists them when there are several."""
    of = {kind.kind: [one for one in troubles if one.kind == kind.kind] for kind in KINDS}
    return [
        (kind.what, sum(one.count for one in own), own[0].show if len(own) == 1 else kind.command)
        for kind in KINDS
        if (own := of[kind.kind])
    ]


async def _disabled(frame: Frame, endpoint: Endpoint) -> Trouble:
    enable = f"rtp webhooks endpoints enable {endpoint.id}"
    since = endpoint.failing_since or frame.now
    oldest = await repository.oldest_missed(frame, endpoints.id_of(endpoint.id), since - LONGEST)
    return Trouble(
        kind="disabled", endpoint=endpoint.id, count=1,
        detail=f"{endpoint.id} was disabled: {endpoint.disabled_reason}",
        show=enable, mend=f"{enable} && {_resend(endpoint.id, oldest or since)}",
    )  # fmt: skip


def _failing(endpoint: Endpoint) -> Trouble:
    test = f"rtp webhooks endpoints test {endpoint.id}"
    return Trouble(
        kind="failing", endpoint=endpoint.id, count=1, show=test, mend=test,
        detail=f"{endpoint.id} has taken nothing since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC",
    )  # fmt: skip


def _given_up(endpoint: str, count: int, oldest: datetime) -> Trouble:
    resend = _resend(endpoint, oldest)
    return Trouble(
        kind="given up", endpoint=endpoint, count=count, show=resend, mend=resend,
        detail=f"{endpoint} was not brought {counted(count, 'message')}",
    )  # fmt: skip


def _resend(endpoint: str, since: datetime) -> str:
    return f"rtp webhooks resend --endpoint {endpoint} --since {to_text(since.replace(microsecond=0))}"
