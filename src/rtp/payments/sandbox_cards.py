"""The sandbox provider's test cards: what each does when it is charged."""

from __future__ import annotations

from typing import Literal

import msgspec

from rtp.payments.errors import CardNotKnown
from rtp.payments.ports import ProviderCard

Behaviour = Literal["", "slow", "hang"]
"""How the answer about a card's money comes: at once, after a while, or never though it was done."""


class TestCard(msgspec.Struct, frozen=True, kw_only=True):
    """One test card: the reason of its declines, how answers come, and what happens to its charges and refunds later.

    With `lost_once` the first call under each key is neither done nor answered.
    """

    __test__ = False

    card: ProviderCard
    decline: str = ""
    behaviour: Behaviour = ""
    lost_once: bool = False
    disputed: bool = False
    refund_failure: str = ""


def _card(name: str, brand: str, last4: str, **rest: object) -> tuple[str, TestCard]:
    card = ProviderCard(ref=f"card_{name}", brand=brand, last4=last4)
    return name, msgspec.convert({"card": card, **rest}, TestCard)


TEST_CARDS: dict[str, TestCard] = dict(
    [
        _card("visa", "visa", "4242"),
        _card("declined", "visa", "0002", decline="card_declined"),
        _card("insufficient-funds", "visa", "9995", decline="insufficient_funds"),
        _card("expired", "visa", "0069", decline="expired_card"),
        _card("do-not-honor", "visa", "0127", decline="do_not_honor"),
        _card("lost", "visa", "9987", decline="lost_card"),
        _card("fraudulent", "visa", "0019", decline="fraudulent"),
        _card("processing-error", "visa", "0119", decline="processing_error"),
        _card("slow", "mastercard", "4444", behaviour="slow"),
        _card("times-out-before-success", "mastercard", "5092", lost_once=True),
        _card("times-out-after-success", "mastercard", "5100", behaviour="hang"),
        _card("disputed", "mastercard", "0259", disputed=True),
        _card("refunds-fail", "mastercard", "5126", refund_failure="card_account_closed"),
    ]
)
"""By their names; the references stay the same, so that a plan and its act see equal cards."""

CARDS = {name: one.card for name, one in TEST_CARDS.items()}
BY_REF = {one.card.ref: one for one in TEST_CARDS.values()}


def card(name: str) -> ProviderCard:
    """The test card of a name.

    Raises: CardNotKnown.
    """
    if name not in CARDS:
        raise CardNotKnown(card=_shown(name), known=", ".join(CARDS))
    return CARDS[name]


def _shown(name: str) -> str:
    """A name for a message: what might be a real card number is never repeated."""
    digits = sum(letter.isdigit() for letter in name)
    return "A card number" if digits >= 8 else repr(name[:40])
