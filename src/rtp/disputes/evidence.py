"""The evidence pack: what we know that speaks for us, as text, part by part. Nothing in it is made up."""

from __future__ import annotations

from collections.abc import Iterable

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.disputes import service
from rtp.disputes.errors import EvidenceTooLong
from rtp.disputes.schemas import EVIDENCE_LIMIT, Dispute, EvidencePack
from rtp.entitlements import service as entitlements
from rtp.events import service as events
from rtp.kit.clock import to_text
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.schemas import Payment
from rtp.products import service as products
from rtp.products.errors import PriceNotFound
from rtp.refunds import service as refunds
from rtp.subscriptions import service as subscriptions
from rtp.users import service as users

PART_LIMIT = 4_500
"""Characters of one part; what is left out is counted in its last line."""
NEWEST = 100
"""Lines of the access log and of the correspondence, newest first."""


async def pack(frame: Frame, key: str) -> EvidencePack:
    """What would be handed in for a dispute.

    Raises: DisputeNotFound.
    """
    return packed(await service.find(frame, key), await parts(frame, await service.find(frame, key)))


def packed(dispute: Dispute, parts: dict[str, str]) -> EvidencePack:
    """The parts as they cross the API."""
    length = sum(map(len, parts.values()))
    return EvidencePack(dispute_id=dispute.id, parts=parts, length=length, limit=EVIDENCE_LIMIT)


def hold_limit(parts: dict[str, str]) -> None:
    """Refuse more than a provider takes.

    Raises: EvidenceTooLong.
    """
    if (length := sum(map(len, parts.values()))) > EVIDENCE_LIMIT:
        raise EvidenceTooLong(length=length, limit=EVIDENCE_LIMIT)


async def parts(frame: Frame, dispute: Dispute) -> dict[str, str]:
    """Order, access log, terms and correspondence; a part that there is nothing for is left out."""
    payment = await payments.find(frame, dispute.payment_id)
    found = {
        "order": await _order(frame, payment),
        "access_log": await _access(frame, payment),
        "terms": await _terms(frame, payment),
        "correspondence": await _correspondence(frame, payment),
    }
    return {name: _cut(lines) for name, lines in found.items() if lines}


async def _order(frame: Frame, payment: Payment) -> list[str]:
    user = await users.resolve(frame, payment.user_id)
    card = await methods.show(frame, payment.method_id)
    lines = [
        f"{payment.id} of {to_text(payment.created_at)}: {payment.captured} captured, of which tax {payment.tax}",
        f"for {payment.purpose}, paid by {user.name} <{user.email}>, a member since {to_text(user.created_at)}",
        f"with {card.brand} ending {card.last_four}",
    ]
    lines += [
        f"line {line.position}: {line.quantity} x {line.description}, {line.net} and tax {line.tax}"
        for line in await payments.lines(frame, payment)
    ]
    lines += [
        f"refund {refund.id} of {to_text(refund.created_at)}: {refund.amount}, {refund.state}"
        for refund in await refunds.of_payment(frame, payment.id)
    ]
    return lines


async def _access(frame: Frame, payment: Payment) -> list[str]:
    """When each service was open to the member, and why it was opened or closed."""
    user_id = users.number(await users.resolve(frame, payment.user_id))
    lines = []
    for one in await entitlements.of_user(frame, user_id):
        state = "open" if one.open else "closed"
        lines.append(f"{one.product}: {state} now ({one.why})")
        page = await events.page(
            frame, PageRequest(operation="events.list", secret=b"", limit=NEWEST), aggregate=one.id
        )
        for event in page.items:
            after = event.payload.get("after") or {}
            what = event.type.partition(".")[2]
            lines.append(f"  {to_text(event.timestamp)} {what} ({after.get('why', 'unknown')})")
    return lines


async def _terms(frame: Frame, payment: Payment) -> list[str]:
    """What was agreed: the subscription's price and rhythm, and how it can be ended."""
    if not payment.source.startswith("sub_"):
        return []
    held = await subscriptions.show(frame, payment.source)
    every = f"every {held.interval_count} {held.interval}s" if held.interval_count > 1 else f"every {held.interval}"
    lines = [
        f"{held.id}: {held.product} at {held.amount} {every}, agreed on {to_text(held.created_at)}",
        f"paid from {to_text(held.period_start)} to {to_text(held.period_end)}; {held.status} now",
        "charged at the start of each period until it is cancelled; what is paid for stays open to its end",
    ]
    if held.trial_end is not None:
        lines.append(f"free until {to_text(held.trial_end)}")
    try:
        price = await products.show_price(frame, held.price)
    except PriceNotFound:
        return lines
    return [*lines, f"price {price.key} ({price.id}), {price.trial_days} trial days"]


async def _correspondence(frame: Frame, payment: Payment) -> list[str]:
    user_id = users.number(await users.resolve(frame, payment.user_id))
    return [f"{to_text(note.created_at)} {note.text}" for note in await users.notes_of(frame, user_id)]


def _cut(lines: Iterable[str]) -> str:
    kept: list[str] = []
    rest = list(lines)
    room = PART_LIMIT
    while rest and len(rest[0]) < room:
        room -= len(rest[0]) + 1
        kept.append(rest.pop(0))
    if rest:
        kept.append(f"({len(rest)} more lines are left out)")
    return "\n".join(kept)
