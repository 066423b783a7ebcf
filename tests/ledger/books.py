"""A member's money as structs, for movements that need no rows of their areas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements

AT = datetime(2026, 3, 2, tzinfo=UTC)


class Books:
    """One payment, one refund of it and one dispute: `move` carries out a step of theirs."""

    def __init__(self, frame: Frame, currency: str = "USD") -> None:
        self.frame, self.currency = frame, currency
        self.number = frame.ids.user_id()
        self.user = ids.show_user(self.number)
        self.payment_id, self.refund_id, self.dispute_id = (self.id(prefix) for prefix in ("pay", "rfd", "dsp"))
        self.returned = 0

    def id(self, prefix: str) -> str:
        """A new id of this member's."""
        return ids.show(prefix, self.frame.ids.uuid(self.number))

    def money(self, amount: int) -> Money:
        """An amount in the books' currency."""
        return Money(amount, self.currency)

    async def move(self, step: str, **given: int) -> bool:
        """Carry out one step; whether it posted anything."""
        steps: dict[str, Callable[..., Awaitable[bool]]] = {
            "sale": self._sale,
            "refund reserved": self._reserved,
            "refund paid": self._paid,
            "refund released": self._released,
            "dispute opened": self._opened,
            "dispute won": self._won,
            "dispute lost": self._lost,
            "dispute charged": self._charged,
            "dispute tax": self._tax,
            "balance adjusted": self._adjusted,
        }
        return await steps[step](**given)

    async def _sale(self, net: int, tax: int, fee: int) -> bool:
        paid = Paid(self.payment_id, self.user, self.money(net + tax))
        return await movements.sale(self.frame, paid, tax=self.money(tax), fee=self.money(fee))

    async def _reserved(self, net: int, tax: int) -> bool:
        self.returned = net + tax
        return await movements.refund_reserved(self.frame, self._refund(), tax=self.money(tax))

    async def _paid(self) -> bool:
        return await movements.refund_paid(self.frame, self._refund(), provider="sandbox")

    async def _released(self) -> bool:
        return await movements.refund_released(self.frame, self._refund())

    async def _opened(self, amount: int, fee: int) -> bool:
        about: dict[str, Any] = {"user": self.user, "provider": "sandbox"}
        return await movements.dispute_opened(
            self.frame, self.dispute_id, amount=self.money(amount), fee=self.money(fee), **about
        )

    async def _won(self) -> bool:
        return await movements.dispute_won(self.frame, self.dispute_id, user=self.user)

    async def _lost(self, amount: int, tax: int) -> bool:
        return await movements.dispute_lost(
            self.frame, self.dispute_id, user=self.user, amount=self.money(amount), tax=self.money(tax)
        )

    async def _charged(self, fee: int, version: int) -> bool:
        about: dict[str, Any] = {"user": self.user, "provider": "sandbox", "version": version}
        return await movements.dispute_fee(self.frame, self.dispute_id, fee=self.money(fee), **about)

    async def _tax(self, tax: int, version: int) -> bool:
        return await movements.dispute_tax(
            self.frame, self.dispute_id, user=self.user, tax=self.money(tax), version=version
        )

    async def _adjusted(self, amount: int) -> bool:
        return await movements.balance_adjusted(self.frame, self.id("adj"), user=self.user, amount=self.money(amount))

    def _refund(self) -> Going:
        return Going(self.refund_id, self.user, self.money(self.returned))


class Paid(Struct):
    """A payment that was taken."""

    id: str
    user_id: str
    captured: Money
    provider: str = "sandbox"


class Going(Struct):
    """A refund under way."""

    id: str
    user_id: str
    amount: Money
