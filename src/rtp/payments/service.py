"""Use cases of payments: ask for money, and take in what the provider says. The provider is called by jobs only."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.operations import Page
from rtp.payments import lines_repository, policy, repository, shares
from rtp.payments.errors import MethodNotUsable, PaymentNotFound
from rtp.payments.ports import ProviderCharge
from rtp.payments.schemas import ChargeLine, LinePart, Payment, PaymentMethod, PaymentState, SoldLine
from rtp.users import service as users

QUEUE = "provider"
RECONCILE_AFTER = policy.RECONCILE_AFTER
refundable = policy.refundable


async def charge(
    frame: Frame,
    method: PaymentMethod,
    *,
    amount: Money,
    purpose: str,
    source: str,
    lines: Sequence[ChargeLine] = (),
) -> Payment:
    """Ask for money: a payment is created and its job queued; the outcome is the event payment.succeeded or .failed.

    `source` is the id of what it pays for; `lines` sum to the amount, without them it is one line. Raises:
    MethodNotUsable.
    """
    if method.state not in {"pending", "active"}:
        raise MethodNotUsable(key=method.id, state=method.state)
    user_id = ids.parse_user(method.user_id)
    sold = policy.lines(amount, purpose, lines)
    payment = await repository.add(
        frame,
        user_id,
        ids.parse("pm", method.id),
        amount=amount,
        tax=Money.total((line.taxed for line in sold), amount.currency),
        purpose=purpose,
        source=source,
        provider=method.provider,
    )
    await lines_repository.add(frame, lines_repository.rows_of(frame, user_id, id_of(payment.id), sold))
    frame.record("payment.created", payment.id, payment.version, user_id=user_id, after=payment)
    frame.enqueue("payments.submit", queue=QUEUE, lock=payment.id, payment=payment.id)
    return payment


async def submit(frame: Frame, key: str) -> Payment | None:
    """Note that the provider is about to be asked; None when the payment is settled already."""
    payment = await lock(frame, key)
    if payment.state in policy.SETTLED:
        return None
    if payment.state == "created":
        return await _move(frame, payment, "submit")
    return payment


async def settle(frame: Frame, key: str, outcome: ProviderCharge) -> Payment:
    """Take in the provider's answer; a second answer changes nothing.

    Raises: PaymentNotFound.
    """
    payment = await lock(frame, key)
    if payment.state in policy.SETTLED or outcome.state in {"pending", "authorized"}:
        return payment
    if outcome.state == "failed":
        return await fail(frame, payment, outcome.failure_reason, provider_ref=outcome.ref)
    if not await frame.once(f"{payment.id}:succeeded"):
        return payment
    after = await _move(
        frame, payment, "succeed", provider_ref=outcome.ref, captured=outcome.captured.amount, failure_reason="",
        settled_at=frame.now,
    )  # fmt: skip
    await movements.sale(frame, after, tax=after.tax, fee=outcome.fee)
    return after


async def fail(frame: Frame, payment: Payment, reason: str, *, provider_ref: str | None = None) -> Payment:
    """Note that no money was taken."""
    return await _move(frame, payment, "fail", provider_ref=provider_ref, failure_reason=reason, settled_at=frame.now)


async def lose(frame: Frame, key: str, attempt: int, *, waits_for: str = "") -> Payment:
    """Note that the provider's answer did not come, and queue the question what it did; `waits_for` is who must act."""
    payment = await lock(frame, key)
    if payment.state == "submitted":
        payment = await _move(frame, payment, "lose", failure_reason=waits_for)
    ask_later(frame, payment, attempt)
    return payment


def ask_later(frame: Frame, payment: Payment, attempt: int) -> None:
    """Queue the next question after an unknown outcome, while the schedule has one."""
    if payment.state == "unknown" and attempt < len(policy.RECONCILE_AFTER):
        frame.enqueue(
            "payments.reconcile",
            queue=QUEUE,
            at=frame.after(policy.RECONCILE_AFTER[attempt]),
            payment=payment.id,
            asked=attempt,
        )


async def failures(frame: Frame) -> list[tuple[str, str, int]]:
    """How many payments failed, by (reason, provider)."""
    return await repository.failures(frame)


async def lock(frame: Frame, key: str) -> Payment:
    """The payment, held for this transaction.

    Raises: PaymentNotFound.
    """
    return await _find(frame, key, lock=True)


async def lock_with_lines(frame: Frame, key: str) -> tuple[Payment, list[SoldLine]]:
    """The payment and its lines in their order, held for this transaction.

    Raises: PaymentNotFound.
    """
    found = await lines_repository.locked(frame, id_of(key))
    if found is None:
        payment = await lock(frame, key)
        return payment, await lines(frame, payment)
    return repository.to_payment(found[0]), found[1]


async def find(frame: Frame, key: str) -> Payment:
    """The payment.

    Raises: PaymentNotFound.
    """
    return await _find(frame, key)


async def by_ids(frame: Frame, payment_ids: list[UUID]) -> dict[UUID, Payment]:
    """The payments with these ids, as far as they are there."""
    return await repository.by_ids(frame, payment_ids)


async def owner(frame: Frame, key: str) -> int | None:
    """The member whose it is, or None.

    Raises: WrongId.
    """
    found = await repository.find(frame, ids.parse("pay", key))
    return None if found is None else ids.parse_user(found.user_id)


async def user_of_provider_ref(frame: Frame, ref: str) -> int | None:
    """The member behind a reference of the provider."""
    return await repository.user_of_provider_ref(frame, ref)


async def newest(frame: Frame, user_id: int, limit: int) -> list[Payment]:
    """The newest payments of a member."""
    return await repository.newest(frame, user_id, limit)


async def page(frame: Frame, page: PageRequest, *, user: str = "", state: PaymentState | None = None) -> Page[Payment]:
    """One page of payments.

    Raises: UserNotFound.
    """
    user_id = ids.parse_user((await users.resolve(frame, user)).id) if user else None
    return await repository.page(frame, page, user_id=user_id, state=state)


async def lines(frame: Frame, payment: Payment) -> list[SoldLine]:
    """The lines of a payment, in their order."""
    return await lines_repository.of_payment(frame, id_of(payment.id), payment.amount.currency)


async def lines_of(frame: Frame, payments: Sequence[Payment]) -> dict[str, list[SoldLine]]:
    """The lines of many payments by their ids, in one statement."""
    found = await lines_repository.of_payments(frame, {id_of(one.id): one.amount.currency for one in payments})
    return {ids.show("pay", payment_id): lines for payment_id, lines in found.items()}


async def hold_refund(frame: Frame, payment: Payment, parts: Sequence[LinePart]) -> None:
    """Take parts of lines out of what is left to refund; negative ones give it back. The payment must be locked."""
    await repository.hold(frame, id_of(payment.id), parts)


async def note_disputes(frame: Frame, payment: Payment, *, open: int, lost: int) -> Payment:
    """Note how many disputes about a locked payment are open, and what the lost ones took, in minor units."""
    return await repository.change(frame, id_of(payment.id), disputes_open=open, disputes_lost=lost)


async def lost(frame: Frame, payment: Payment) -> Money:
    """What lost disputes took of a payment; with what refunds hold it may be more than was captured."""
    return Money(await repository.lost(frame, id_of(payment.id)), payment.amount.currency)


async def charge_back(frame: Frame, payment: Payment, lost: Money) -> Money:
    """Let all that disputes took come off the lines of a locked payment, as far as refunds leave them room.

    Returns the tax in what came off now.
    """
    sold = await lines(frame, payment)
    before = Money.total((line.net_lost + line.tax_lost for line in sold), lost.currency)
    room = min(lost - before, payment.captured - payment.refunded - before)
    parts = shares.of_amount(sold, room.amount)
    await repository.lose(frame, id_of(payment.id), parts)
    return Money(sum(part.tax for part in parts), lost.currency)


def id_of(key: str) -> UUID:
    """The payment id behind a text.

    Raises: PaymentNotFound.
    """
    return ids.parse_or("pay", key, PaymentNotFound)


async def _find(frame: Frame, key: str, *, lock: bool = False) -> Payment:
    payment = await repository.find(frame, id_of(key), lock=lock)
    if payment is None:
        raise PaymentNotFound(key=key)
    return payment


_PAST = {"submit": "submitted", "succeed": "succeeded", "fail": "failed", "lose": "unknown"}


async def _move(frame: Frame, before: Payment, event: str, **values: object) -> Payment:
    state = policy.moved(before.id, before.state, event)
    after = await repository.change(frame, id_of(before.id), state=state, **values)
    frame.record(
        f"payment.{_PAST[event]}", after.id, after.version, user_id=ids.parse_user(after.user_id),
        before=before, after=after,
    )  # fmt: skip
    return after
