"""Importing subscriptions: a batch of NDJSON lines, taken set-wise; a row that cannot be taken is refused alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from rtp.db.frame import Frame
from rtp.entitlements import service as entitlements
from rtp.errors import RtpError
from rtp.kit import ids
from rtp.kit.text import find_nul
from rtp.payments import charging
from rtp.payments.charging import Asked
from rtp.payments.schemas import PaymentMethod
from rtp.products import service as products
from rtp.products.schemas import Price
from rtp.subscriptions import moves, repository
from rtp.subscriptions.errors import CardRequired, SubscriptionImportTooLarge
from rtp.subscriptions.repository import Held
from rtp.subscriptions.schemas import MAX_IMPORT_ROWS, ImportResult, ImportRow, RefusedRow
from rtp.subscriptions.service import beginning, purpose, sold, terms_of
from rtp.users import service as users
from rtp.users.errors import UserNotFound, UserStateRefused
from rtp.users.schemas import User

_decoder = msgspec.json.Decoder(ImportRow)
_loose = msgspec.json.Decoder()
Place = tuple[int, UUID]
"""(member, product)."""


class Wanted(Struct):
    """A row that can be taken: who, what, and with which card."""

    row: ImportRow
    user: User
    price: Price
    trial_days: int = 0

    @property
    def member(self) -> int:
        """The member's id as the tables have it."""
        return ids.parse_user(self.user.id)

    @property
    def place(self) -> Place:
        """What it is about."""
        return self.member, ids.parse("prod", self.price.product_id)


async def import_batch(frame: Frame, data: bytes) -> ImportResult:
    """Subscribe the members of one batch; who has the product already is left as is.

    Raises: SubscriptionImportTooLarge.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > MAX_IMPORT_ROWS:
        raise SubscriptionImportTooLarge(rows=len(lines), limit=MAX_IMPORT_ROWS)
    frame.bulk = True
    refused: list[RefusedRow] = []
    rows = _parsed(lines, refused)
    taken = await _resolved(frame, rows, refused)
    places = {one.place: one for one in reversed(taken)}
    live = await repository.live(frame, places) if places else set()
    fresh = await _affordable(frame, [one for place, one in places.items() if place not in live], refused)
    added = await _add(frame, fresh) if fresh else []
    await entitlements.follow(frame, [moves.source_of(held) for held in added])
    refused.sort(key=lambda one: one.row)
    created = len(added)
    existing = len(lines) - created - len(refused)
    charged = sum(held.payment_id is not None for held in added)
    result = ImportResult(created=created, existing=existing, charged=charged, refused=refused)
    frame.summary = {"created": created, "existing": existing, "charged": charged, "refused": len(refused)}
    return result


def _parsed(lines: list[bytes], refused: list[RefusedRow]) -> list[ImportRow]:
    rows = []
    for place, line in enumerate(lines, start=1):
        try:
            row = _decoder.decode(line)
            if (path := find_nul(row)) is not None:
                raise msgspec.ValidationError(f"{path} contains a NUL character")
        except msgspec.MsgspecError as error:
            refused.append(_broken(place, line, error))
        else:
            rows.append(row)
    return rows


async def _resolved(frame: Frame, rows: list[ImportRow], refused: list[RefusedRow]) -> list[Wanted]:
    members = await users.by_emails(frame, {row.email for row in rows}) if rows else {}
    prices = {key: await _price(frame, key) for key in dict.fromkeys(row.price for row in rows)}
    wanted = []
    for row in rows:
        user, price = members.get(row.email), prices[row.price]
        if user is None:
            refused.append(_refusal(row, UserNotFound(key=row.email)))
        elif user.status != "active":
            refused.append(_refusal(row, UserStateRefused(user=user.id, state=user.status, event="subscribe")))
        elif isinstance(price, RtpError):
            refused.append(_refusal(row, price))
        else:
            wanted.append(Wanted(row, user, price))
    return wanted


async def _price(frame: Frame, key: str) -> Price | RtpError:
    try:
        return await products.price_on_sale(frame, key)
    except RtpError as error:
        return error


async def _affordable(frame: Frame, wanted: list[Wanted], refused: list[RefusedRow]) -> list[Wanted]:
    """Those with a trial, which only a first subscription has, or with a card."""
    had = await repository.had(frame, [one.place for one in wanted]) if wanted else set()
    kept = []
    for one in wanted:
        one.trial_days = 0 if one.place in had else one.price.trial_days
        if one.trial_days or one.row.card:
            kept.append(one)
        else:
            refused.append(_refusal(one.row, CardRequired(price=one.price.key)))
    return kept


async def _add(frame: Frame, wanted: list[Wanted]) -> list[Held]:
    cards = [(one.member, one.row.card) for one in wanted if one.row.card is not None]
    methods = await charging.use_many(frame, cards)
    rows: list[dict[str, Any]] = []
    asked: dict[UUID, Asked] = {}
    for one in wanted:
        method = methods.get((one.member, one.row.card or ""))
        subscription_id = frame.ids.uuid(one.member)
        begun = beginning(frame.now, one.user, one.trial_days, method)
        if method is not None and not one.trial_days:
            asked[subscription_id] = _asked(frame, one, method, subscription_id)
            begun |= moves.charging(asked[subscription_id].payment_id, method.id, "first")
        rows.append(repository.row_of(frame, subscription_id, one.member, terms_of(one.price), **begun))
    added = await repository.add(frame, rows)
    # Only what was really added is charged: another transaction may have subscribed a member meanwhile.
    await charging.charge_many(frame, [asked[held.uuid] for held in added if held.uuid in asked])
    for held in added:
        frame.record("subscription.created", held.id, held.version, user_id=held.member, after=held.shown())
    return added


def _asked(frame: Frame, one: Wanted, method: PaymentMethod, subscription_id: UUID) -> Asked:
    return Asked(
        payment_id=frame.ids.uuid(one.member),
        method=method,
        amount=one.price.amount,
        purpose=purpose(one.price.key, 1),
        source=ids.show("sub", subscription_id),
        lines=sold(one.price.product, one.price.key, one.price.amount, 1),
    )


def _refusal(row: ImportRow, error: RtpError) -> RefusedRow:
    return RefusedRow(row=row.row, email=row.email, code=error.code(), message=error.message)


def _broken(place: int, line: bytes, error: Exception) -> RefusedRow:
    try:
        loose = _loose.decode(line)
    except msgspec.MsgspecError:
        loose = None
    found: dict[str, Any] = loose if isinstance(loose, dict) else {}
    row, email = found.get("row"), found.get("email")
    return RefusedRow(
        row=row if isinstance(row, int) else place,
        email=email.replace("\0", "\\0") if isinstance(email, str) else "",
        code="invalid_row",
        message=str(error),
    )
