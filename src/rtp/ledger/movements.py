"""Every movement of value, each posted once by its source and kind: a positive amount is a debit, a negative a credit.

Nothing that was posted changes; what did not come to be is taken back by its exact mirror. Each function returns False
when its source has already posted it, and then does nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import policy, repository
from rtp.ledger.errors import CreditTooLow, NothingToMirror
from rtp.ledger.schemas import Posting
from rtp.ledger.service import post

SOLD = "payment"
FEE = "payment.fee"
RESERVED = "refund.reserved"
PAID = "refund.paid"
RELEASED = "refund.released"
OPENED = "dispute.opened"
DISPUTE_FEE = "dispute.fee"
DISPUTE_TAX = "dispute.tax"
WON = "dispute.won"
LOST = "dispute.lost"
ADJUSTED = "balance.adjusted"


class Taken(Protocol):
    """What the ledger needs to know of a payment."""

    @property
    def id(self) -> str:
        """Its id, the source of what it posts."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def provider(self) -> str:
        """Who holds the money for us."""

    @property
    def captured(self) -> Money:
        """What was taken, with its tax."""


class Returned(Protocol):
    """What the ledger needs to know of a refund."""

    @property
    def id(self) -> str:
        """Its id, the source of what it posts."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def amount(self) -> Money:
        """What goes back, with its tax."""


async def sale(frame: Frame, payment: Taken, *, tax: Money, fee: Money) -> bool:
    """What was captured: the provider holds it, and we owe its delivery and the tax in it; the fee stands beside it."""
    taken, clearing = payment.captured, policy.clearing(payment.provider)
    posted = await _post(
        frame, SOLD, payment.id, payment.user_id,
        [Posting(clearing, taken), Posting(policy.DEFERRED, tax - taken), Posting(policy.TAX, -tax)],
    )  # fmt: skip
    if fee:
        charged = [Posting(policy.FEES, fee), Posting(clearing, -fee)]
        await _post(frame, FEE, payment.id, payment.user_id, charged)
    return posted


async def refund_reserved(frame: Frame, refund: Returned, *, tax: Money, fresh: bool = False) -> bool:
    """A refund was issued: from now on we owe it, its tax we no longer do; `fresh` as in `post`."""
    sides = [
        Posting(policy.REFUNDS, refund.amount - tax),
        Posting(policy.TAX, tax),
        Posting(policy.REFUNDS_PAYABLE, -refund.amount),
    ]
    return await _post(frame, RESERVED, refund.id, refund.user_id, sides, fresh=fresh)


async def refund_paid(frame: Frame, refund: Returned, *, provider: str) -> bool:
    """The provider returned it."""
    sides = [Posting(policy.REFUNDS_PAYABLE, refund.amount), Posting(policy.clearing(provider), -refund.amount)]
    return await _post(frame, PAID, refund.id, refund.user_id, sides)


async def refund_released(frame: Frame, refund: Returned) -> bool:
    """It did not reach the member, or came back: the mirror of all that it posted.

    Raises: NothingToMirror.
    """
    return await _mirror(frame, RELEASED, refund.id, refund.user_id, of=(RESERVED, PAID))


async def dispute_opened(
    frame: Frame, dispute: str, *, user: str, provider: str, amount: Money, fee: Money | None = None
) -> bool:
    """The provider withholds the amount, and takes its fee, which it keeps however the dispute ends."""
    clearing = policy.clearing(provider)
    posted = await _post(frame, OPENED, dispute, user, [Posting(policy.DISPUTES, amount), Posting(clearing, -amount)])
    if fee:
        await _post(frame, DISPUTE_FEE, dispute, user, [Posting(policy.FEES, fee), Posting(clearing, -fee)])
    return posted


async def dispute_fee(frame: Frame, dispute: str, *, user: str, provider: str, fee: Money, version: int) -> bool:
    """What the provider's fee changed by at a version of the dispute, and with a negative amount what it gave back."""
    sides = [Posting(policy.FEES, fee), Posting(policy.clearing(provider), -fee)]
    return await _post(frame, f"{DISPUTE_FEE}.{version}", dispute, user, sides)


async def dispute_won(frame: Frame, dispute: str, *, user: str) -> bool:
    """The provider gives back what it withheld.

    Raises: NothingToMirror.
    """
    return await _mirror(frame, WON, dispute, user, of=(OPENED,))


async def dispute_lost(frame: Frame, dispute: str, *, user: str, amount: Money, tax: Money) -> bool:
    """What was withheld is gone; `tax` is the part of it that we no longer owe."""
    sides = [
        Posting(policy.DISPUTE_LOSSES, amount - tax),
        Posting(policy.TAX, tax),
        Posting(policy.DISPUTES, -amount),
    ]
    return await _post(frame, LOST, dispute, user, sides)


async def dispute_tax(frame: Frame, dispute: str, *, user: str, tax: Money, version: int) -> bool:
    """More tax is no longer owed of a lost dispute, as a refund that held it let go; at a version of the dispute."""
    sides = [Posting(policy.TAX, tax), Posting(policy.DISPUTE_LOSSES, -tax)]
    return await _post(frame, f"{DISPUTE_TAX}.{version}", dispute, user, sides)


async def balance_adjusted(frame: Frame, adjustment: str, *, user: str, amount: Money) -> bool:
    """Credit is given to a member, or with a negative amount taken back; two at once wait for each other.

    Raises: CreditTooLow.
    """
    user_id = ids.parse_user(user)
    await repository.lock_credit(frame, user_id)
    sides = [Posting(policy.CREDITS_GIVEN, amount), Posting(policy.CREDIT, -amount)]
    posted = await _post(frame, ADJUSTED, adjustment, user, sides)
    left = await repository.credit(frame, user_id, amount.currency)
    if posted and left.amount < 0:
        raise CreditTooLow(credit=left - amount, taken=-amount)
    return posted


async def _post(
    frame: Frame, kind: str, source: str, user: str, sides: Iterable[Posting], *, fresh: bool = False
) -> bool:
    moved = [side for side in sides if side.amount]
    if not moved:
        return False
    return await post(frame, kind=kind, source=source, user_id=ids.parse_user(user), postings=moved, fresh=fresh)


async def _mirror(frame: Frame, kind: str, source: str, user: str, *, of: tuple[str, ...]) -> bool:
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for posted in await repository.posted(frame, source, of):
        sums[posted.account, posted.amount.currency] -= posted.amount.amount
    if not any(sums.values()):
        raise NothingToMirror(source=source, kind=kind)
    sides = [Posting(account, Money(amount, currency)) for (account, currency), amount in sums.items()]
    return await _post(frame, kind, source, user, sides)
