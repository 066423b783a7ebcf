"""Use cases of entitlements: they follow the subscriptions, and answer who may use what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from rtp.cache import service as cache
from rtp.cache.schemas import CacheClass
from rtp.cache.service import Warmer
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.entitlements import policy, repository
from rtp.entitlements.errors import EntitlementNotFound
from rtp.entitlements.policy import Access
from rtp.entitlements.schemas import Decision, Entitlement, Source
from rtp.kit import ids
from rtp.operations import Page
from rtp.products import service as products
from rtp.products.schemas import ProductDetail
from rtp.users import service as users
from rtp.users.schemas import UserStatus


class Facts(Struct, kw_only=True):
    """What a decision rests on, without the clock, so that it may be cached."""

    user_id: str
    user_status: UserStatus
    product: str
    entitlement: Entitlement | None


async def follow(frame: Frame, sources: Sequence[Source]) -> None:
    """Bring entitlements in line with subscriptions that changed in this frame."""
    known = await repository.lock(frame, [(source.user_id, source.product_id) for source in sources])
    fresh = []
    for source in sources:
        before = known.get((source.user_id, source.product_id))
        access = policy.access(source.status, ending_at=source.ending_at, grace_until=source.grace_until, now=frame.now)
        if before is None:
            fresh.append(_row(frame, source, access))
        else:
            await _follow(frame, before, source, access)
    if fresh:
        for added in await repository.add(frame, fresh):
            _record(frame, None, added)


async def revoke(frame: Frame, user_id: int, *, source: str, until: datetime) -> bool:
    """Close what a subscription opens, until more than `until` is paid for; False where it opens nothing."""
    found = await repository.lock_of_source(frame, user_id, ids.parse("sub", source))
    closing = [one for one in found if one.open]
    for before in closing:
        after = await repository.change(
            frame,
            ids.parse("ent", before.id),
            open=False,
            why="revoked",
            until=None,
            closed_at=frame.now,
            revoked_until=until,
        )
        _record(frame, before, after)
    return bool(closing)


async def show(frame: Frame, key: str) -> Entitlement:
    """An entitlement.

    Raises: EntitlementNotFound.
    """
    found = await repository.find(frame, ids.parse_or("ent", key, EntitlementNotFound))
    if found is None:
        raise EntitlementNotFound(key=key)
    return found


async def page(
    frame: Frame, page: PageRequest, *, user: str = "", product: str = "", open: bool | None = None
) -> Page[Entitlement]:
    """One page of entitlements.

    Raises: UserNotFound.
    """
    user_id = ids.parse_user((await users.resolve(frame, user)).id) if user else None
    return await repository.page(frame, page, user_id=user_id, product=product, open=open)


async def of_user(frame: Frame, user_id: int) -> list[Entitlement]:
    """All entitlements of a member, the closed ones too."""
    return await repository.of_user(frame, user_id)


async def check(frame: Frame, user: str, product: str) -> Decision:
    """Whether a member may use a product now; the facts come from the cache, the clock does not.

    Raises: UserNotFound, ProductNotFound.
    """
    return _decision(frame, await _read(frame, _spelt(user) or (await users.resolve(frame, user)).id, product))


async def warmers(frame: Frame, class_: CacheClass | None, after: str, limit: int) -> tuple[list[Warmer], int]:
    """What a warm cache holds of entitlements: every open one, as it is checked."""
    if class_ not in (None, "hot"):
        return [], 0
    found, left = await repository.open_after(frame, ids.parse("ent", after) if after else None, limit)
    return [Warmer(_key(one.user_id, one.product), one.id, _reading(frame, one)) for one in found], left


async def _read(frame: Frame, user_id: str, product: str) -> Facts:
    async def load() -> Facts:
        return await _facts(frame, user_id, product)

    return await cache.cached(frame, _key(user_id, product), Facts, "hot", (f"entitlements:{user_id}",), load)


def _reading(frame: Frame, one: Entitlement) -> Callable[[], Awaitable[Facts]]:
    return lambda: _read(frame, one.user_id, one.product)


def _key(user_id: str, product: str) -> str:
    return f"entitlements.check:{user_id}:{product}"


def _spelt(user: str) -> str | None:
    """An id as events spell it, or the tag would not be dropped; None for what is no id."""
    try:
        return ids.show_user(ids.parse_user(user))
    except ids.WrongId:
        return None


async def _facts(frame: Frame, user_id: str, key: str) -> Facts:
    user = await users.resolve(frame, user_id)
    product: ProductDetail = await products.show(frame, key)
    entitlement = await repository.at(frame, ids.parse_user(user.id), ids.parse("prod", product.id))
    return Facts(user_id=user.id, user_status=user.status, product=product.key, entitlement=entitlement)


def _decision(frame: Frame, facts: Facts) -> Decision:
    found = facts.entitlement
    decision = Decision(
        user_id=facts.user_id, product=facts.product, open=False, why="none", until=None, entitlement_id=None
    )
    if found is None:
        return decision
    decision.entitlement_id = found.id
    if found.open and facts.user_status != "active":
        decision.why = "user_suspended"
        return decision
    decision.open, decision.why = policy.seen(found.open, found.why, found.until, frame.now)
    decision.until = found.until if decision.open else None
    return decision


async def _follow(frame: Frame, before: Entitlement, source: Source, access: Access) -> None:
    source_id = ids.show("sub", source.source_id)
    revoked = before.source_id == source_id and before.revoked_until is not None
    if revoked and access.open and source.paid_until <= (before.revoked_until or frame.now):
        return  # a refund took this time back; only a later one, paid for, opens it again
    if before.open and before.source_id != source_id and not access.open:
        return  # an older subscription that ends does not close what a newer one opened
    if (before.why, before.until, before.source_id) == (access.why, access.until, source_id):
        return
    was_open = before.closed_at is None
    opened_at = before.opened_at if was_open or not access.open else frame.now
    closed_at = None if access.open else before.closed_at or min(frame.now, before.until or frame.now)
    after = await repository.change(
        frame,
        ids.parse("ent", before.id),
        open=access.open,
        why=access.why,
        until=access.until,
        source_id=source.source_id,
        opened_at=opened_at,
        closed_at=closed_at,
        revoked_until=None,
    )
    _record(frame, before, after)


def _row(frame: Frame, source: Source, access: Access) -> dict[str, Any]:
    return {
        "id": frame.ids.uuid(source.user_id),
        "user_id": source.user_id,
        "product_id": source.product_id,
        "product_key": source.product,
        "open": access.open,
        "why": access.why,
        "until": access.until,
        "source_id": source.source_id,
        "opened_at": frame.now if access.open else None,
        "closed_at": None if access.open else frame.now,
        "version": 1,
        "revoked_until": None,
    }


def _record(frame: Frame, before: Entitlement | None, after: Entitlement) -> None:
    same = before is not None and (before.closed_at is None) == after.open
    name = "changed" if same else "opened" if after.open else "closed"
    frame.record(
        f"entitlement.{name}",
        after.id,
        after.version,
        user_id=ids.parse_user(after.user_id),
        before=before,
        after=after,
    )
