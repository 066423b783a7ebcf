"""Every query on subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, func, select, update

from rtp.db import bulk
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.subscriptions.model import LIVE, subscriptions
from rtp.subscriptions.schemas import Status, Subscription


class Held(Subscription, kw_only=True):
    """A subscription with what only the service needs of it."""

    product_id: UUID
    price_id: UUID
    zone: str
    anchor: datetime
    boundary: int
    payment_cause: str
    failures: int
    past_due_since: datetime | None

    @property
    def uuid(self) -> UUID:
        """The id as the tables have it."""
        return ids.parse("sub", self.id)

    @property
    def member(self) -> int:
        """The member's id as the tables have it."""
        return ids.parse_user(self.user_id)

    def shown(self) -> Subscription:
        """What crosses the API."""
        return Subscription(**{name: getattr(self, name) for name in Subscription.__struct_fields__})


class Terms(Struct, frozen=True, kw_only=True):
    """What is bought: product, price and interval, copied into the subscription."""

    product_id: UUID
    product: str
    price_id: UUID
    price: str
    amount: Money
    interval: str
    interval_count: int


_SAME = (
    "interval interval_count status period_start period_end trial_end cancel_at_period_end due_at grace_until "
    "payment_state payment_failure paused_at ended_at version created_at updated_at "
    "product_id price_id zone anchor boundary payment_cause failures past_due_since"
).split()


def to_held(row: Row[Any]) -> Held:
    """A row as the struct that leaves the repository."""
    return Held(
        id=ids.show("sub", row.id),
        user_id=ids.show_user(row.user_id),
        product=row.product_key,
        price=row.price_key,
        amount=Money(row.amount, row.currency),
        payment_method_id=None if row.payment_method_id is None else ids.show("pm", row.payment_method_id),
        payment_id=None if row.payment_id is None else ids.show("pay", row.payment_id),
        **{name: getattr(row, name) for name in _SAME},
    )


def row_of(frame: Frame, subscription_id: UUID, user_id: int, terms: Terms, **values: Any) -> dict[str, Any]:
    """The columns of a new subscription; `values` are those that depend on trial and payment."""
    return {
        "id": subscription_id,
        "user_id": user_id,
        "product_id": terms.product_id,
        "product_key": terms.product,
        "price_id": terms.price_id,
        "price_key": terms.price,
        "amount": terms.amount.amount,
        "currency": terms.amount.currency,
        "interval": terms.interval,
        "interval_count": terms.interval_count,
        "boundary": 0,
        "cancel_at_period_end": False,
        "payment_failure": "",
        "failures": 0,
        "version": 1,
        "created_at": frame.now,
        "updated_at": frame.now,
    } | values


async def add(frame: Frame, rows: Sequence[dict[str, Any]]) -> list[Held]:
    """Insert subscriptions; those whose member has a live one to the product are left out."""
    unless_live = f"ON CONFLICT (user_id, product_id) WHERE {LIVE} DO NOTHING"
    return [to_held(row) for row in await bulk.insert_rows(frame, subscriptions, rows, conflict=unless_live)]


async def find(frame: Frame, subscription_id: UUID, *, lock: bool = False) -> Held | None:
    """The subscription with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, subscriptions, subscription_id, lock=lock)
    return None if row is None else to_held(row)


async def change(frame: Frame, subscription_id: UUID, **values: Any) -> Held:
    """Change columns and take the next version."""
    return to_held(await change_row(frame, subscriptions, subscription_id, **values, updated_at=frame.now))


async def postpone(frame: Frame, subscription_id: UUID, due_at: datetime) -> None:
    """Look at a subscription again later; no change that anyone else sees."""
    query = update(subscriptions).where(subscriptions.c.id == subscription_id)
    await frame.execute(query.values(due_at=due_at))


async def had(frame: Frame, pairs: Iterable[tuple[int, UUID]]) -> set[tuple[int, UUID]]:
    """Of (member, product), those that ever began a subscription."""
    query = select(subscriptions.c.user_id, subscriptions.c.product_id).distinct()
    query = query.where(bulk.among(pairs, "user_id", "product_id"))
    return {(row.user_id, row.product_id) for row in await frame.all(query)}


async def live(frame: Frame, pairs: Iterable[tuple[int, UUID]]) -> set[tuple[int, UUID]]:
    """Of (member, product), those with a live subscription."""
    query = select(subscriptions.c.user_id, subscriptions.c.product_id)
    query = query.where(bulk.among(pairs, "user_id", "product_id"), LIVE)
    return {(row.user_id, row.product_id) for row in await frame.all(query)}


async def by_ids(frame: Frame, user_id: int, wanted: Iterable[UUID]) -> dict[UUID, Held]:
    """A member's subscriptions by id."""
    query = select(subscriptions).where(subscriptions.c.user_id == user_id, subscriptions.c.id.in_(list(wanted)))
    return {row.id: to_held(row) for row in await frame.all(query)}


async def due(frame: Frame, limit: int) -> list[UUID]:
    """The subscriptions whose time has come, longest waiting first."""
    query = select(subscriptions.c.id).where(subscriptions.c.due_at <= frame.now)
    return [row.id for row in await frame.all(query.order_by(subscriptions.c.due_at, subscriptions.c.id).limit(limit))]


async def overdue(frame: Frame, before: datetime) -> int:
    """How many subscriptions were due before an instant."""
    row = await frame.first(
        select(func.count().label("number")).select_from(subscriptions).where(subscriptions.c.due_at < before)
    )
    return 0 if row is None else int(row.number)


async def counts(frame: Frame) -> dict[Status, int]:
    """How many subscriptions each state has; one index-only scan."""
    query = select(subscriptions.c.status, func.count().label("number")).group_by(subscriptions.c.status)
    return {row.status: row.number for row in await frame.all(query)}


async def page(
    frame: Frame,
    page: PageRequest,
    *,
    user_id: int | None,
    status: Status | None,
    price: str,
    due_before: datetime | None,
) -> Page[Subscription]:
    """One page of subscriptions: those due before an instant by that time, else the newest first."""
    query = matching(
        select(subscriptions),
        (subscriptions.c.user_id, user_id),
        (subscriptions.c.status, status),
        (subscriptions.c.price_key, price),
    )
    sorts: dict[str, ColumnElement[Any]] = {"created_at": subscriptions.c.id}
    if due_before is not None:
        query = query.where(subscriptions.c.due_at < due_before)
        sorts["due_at"] = subscriptions.c.due_at
    return await page_of(
        frame,
        page,
        query,
        key=subscriptions.c.id,
        sorts=sorts,
        default="-created_at" if due_before is None else "due_at",
        time=subscriptions.c.created_at,
        build=lambda row: to_held(row).shown(),
    )
