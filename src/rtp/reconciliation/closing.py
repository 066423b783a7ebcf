"""Use cases of what was set aside: a person looks at it, does what is right, and closes it with the reason."""

from __future__ import annotations

from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.reconciliation import aside_repository as repository
from rtp.reconciliation.errors import AsideClosed, AsideNotFound
from rtp.reconciliation.schemas import Aside, AsideState, CloseAside
from rtp.webhooks import received


async def show(frame: Frame, key: str) -> Aside:
    """A difference that was set aside.

    Raises: AsideNotFound.
    """
    return await _find(frame, key)


async def page(frame: Frame, page: PageRequest, *, state: AsideState | None = None) -> Page[Aside]:
    """One page of differences that were set aside, newest first."""
    return await repository.page(frame, page, state=state)


async def close(frame: Frame, key: str, request: CloseAside) -> Aside:
    """Note that a person has seen to it, and how; it is set aside anew only when either side changes.

    Raises: AsideNotFound, AsideClosed.
    """
    before = await _find(frame, key, lock=True)
    if before.state == "closed":
        raise AsideClosed(key=before.id, by=before.closed_by, reason=before.reason)
    after = await repository.change(
        frame, _id_of(key), closed_at=frame.now, closed_by=frame.principal.id, reason=request.reason
    )
    await received.dismiss(frame, before.provider, before.key, f"closed by {frame.principal.name}: {request.reason}")
    frame.record("reconciliation.closed", after.id, after.version, before=before, after=after, reason=request.reason)
    return after


async def _find(frame: Frame, key: str, *, lock: bool = False) -> Aside:
    found = await repository.find(frame, _id_of(key), lock=lock)
    if found is None:
        raise AsideNotFound(key=key)
    return found


def _id_of(key: str) -> UUID:
    return ids.parse_or("ras", key, AsideNotFound)
