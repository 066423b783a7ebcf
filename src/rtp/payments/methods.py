"""Use cases of payment methods: a card is added here, and taken by the provider in a job."""

from __future__ import annotations

from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.payments import repository
from rtp.payments.errors import MethodNotFound, MethodNotUsable
from rtp.payments.ports import ProviderCard
from rtp.payments.schemas import AddMethod, PaymentMethod
from rtp.payments.service import QUEUE
from rtp.users import service as users


async def add(frame: Frame, user: str, request: AddMethod) -> PaymentMethod:
    """Add a card; a job lets the provider take it.

    Raises: UserNotFound.
    """
    user_id = ids.parse_user((await users.resolve(frame, user)).id)
    method = await repository.add_method(frame, user_id, card=request.card, provider=frame.premises.provider)
    frame.record("payment_method.added", method.id, method.version, user_id=user_id, after=method)
    frame.enqueue("payments.tokenize", queue=QUEUE, lock=method.id, method=method.id)
    return method


async def use(frame: Frame, user_id: int, card: str) -> PaymentMethod:
    """The member's method with this card, added if it is new; its first charge lets the provider take it."""
    if (known := await repository.method_of_card(frame, user_id, card)) is not None:
        return known
    method = await repository.add_method(frame, user_id, card=card, provider=frame.premises.provider)
    frame.record("payment_method.added", method.id, method.version, user_id=user_id, after=method)
    return method


async def remove(frame: Frame, key: str) -> PaymentMethod:
    """Stop using a card; its payments keep their record.

    Raises: MethodNotFound, MethodNotUsable.
    """
    before = await show(frame, key, lock=True)
    if before.state == "removed":
        raise MethodNotUsable(key=key, state=before.state)
    after = await repository.change_method(frame, _id_of(key), state="removed")
    _record(frame, "payment_method.removed", before, after)
    return after


async def show(frame: Frame, key: str, *, lock: bool = False) -> PaymentMethod:
    """A card.

    Raises: MethodNotFound.
    """
    method = await repository.find_method(frame, _id_of(key), lock=lock)
    if method is None:
        raise MethodNotFound(key=key)
    return method


async def page(frame: Frame, page: PageRequest, user: str) -> Page[PaymentMethod]:
    """One page of a member's cards.

    Raises: UserNotFound.
    """
    return await repository.methods_page(frame, page, ids.parse_user((await users.resolve(frame, user)).id))


async def taken(frame: Frame, key: str, card: ProviderCard) -> PaymentMethod:
    """Note what the provider says of a card."""
    before = await show(frame, key, lock=True)
    if before.state != "pending":
        return before
    after = await repository.change_method(
        frame, _id_of(key), state="active", provider_ref=card.ref, brand=card.brand, last_four=card.last4
    )
    _record(frame, "payment_method.activated", before, after)
    return after


async def refused(frame: Frame, key: str, reason: str) -> PaymentMethod:
    """Note that the provider does not take a card."""
    before = await show(frame, key, lock=True)
    if before.state != "pending":
        return before
    after = await repository.change_method(frame, _id_of(key), state="failed", failure_reason=reason)
    _record(frame, "payment_method.failed", before, after)
    return after


def _record(frame: Frame, type: str, before: PaymentMethod, after: PaymentMethod) -> None:
    frame.record(type, after.id, after.version, user_id=ids.parse_user(after.user_id), before=before, after=after)


def _id_of(key: str) -> UUID:
    return ids.parse_or("pm", key, MethodNotFound)
