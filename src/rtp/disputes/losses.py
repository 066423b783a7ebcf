"""What a lost dispute could not take, because a refund held it, comes off the lines once that refund lets go."""

from __future__ import annotations

from collections.abc import Sequence

from rtp.db.frame import Frame
from rtp.disputes import repository
from rtp.disputes.schemas import Dispute
from rtp.events.schemas import Event
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.payments import service as payments

LET_GO = frozenset({"refund.failed", "refund.rejected", "refund.expired", "refund.canceled"})
"""Events after which a payment has room again."""


async def queue(frame: Frame, events: Sequence[Event]) -> None:
    """Queue a job for each payment that has room again and lost a dispute before."""
    keys = {str(event.payload["after"]["payment_id"]) for event in events}
    for payment_id in await repository.lost_among(frame, [payments.id_of(key) for key in keys]):
        payment = ids.show("pay", payment_id)
        frame.enqueue("disputes.place", lock=payment, payment=payment)


async def place(frame: Frame, key: str) -> Money:
    """Take what is still to be taken off the lines of a payment; the tax in it is no longer owed either.

    Raises: PaymentNotFound.
    """
    payment = await payments.lock(frame, key)
    tax = await payments.charge_back(frame, payment, await payments.lost(frame, payment))
    rest = tax
    for before in await repository.lost_of(frame, payments.id_of(key)):
        part = min(rest, before.amount - before.tax)
        if part:
            await _claim(frame, before, part)
            rest -= part
    return tax


async def _claim(frame: Frame, before: Dispute, tax: Money) -> None:
    after = await repository.change(frame, ids.parse("dsp", before.id), tax=(before.tax + tax).amount)
    user_id = ids.parse_user(after.user_id)
    frame.record("dispute.placed", after.id, after.version, user_id=user_id, before=before, after=after)
    await movements.dispute_tax(frame, after.id, user=after.user_id, tax=tax, version=after.version)
