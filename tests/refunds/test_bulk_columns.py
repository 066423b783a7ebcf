"""A row that cannot be read is refused in words: the column, and what it may hold."""

from __future__ import annotations

import pytest

from rtp.refund_bulks.adding import Broken, _parsed
from rtp.refund_bulks.columns import HOLDS
from rtp.refund_bulks.schemas import BulkRow


@pytest.mark.parametrize(
    "more, says",
    [
        ('"reason": "because"', "the column reason holds one of duplicate, requested_by_customer, fraudulent"),
        ('"reason": "other", "amount": 25', "the column amount holds 25.00 or 25.00 USD, or nothing"),
        ('"reason": "other", "amount": {"amount": "1", "currency": "USD"}', "the column amount holds 25.00"),
        ('"reason": "other", "key": ""', "the column key holds a text of 1 to 200 characters"),
        ('"reason": "other", "colour": "red"', "there is no column colour; known are row, payment, amount, reason"),
        ('"note": "hi"', "the column reason is missing: it holds one of duplicate"),
    ],
)
def test_a_row_that_cannot_be_read_names_its_column_and_what_it_may_hold(more: str, says: str) -> None:
    [broken] = _parsed([f'{{"row": 3, "payment": "pay_1", {more}}}'.encode()], 0)
    assert isinstance(broken, Broken)
    assert (broken.row, broken.payment) == (3, "pay_1")
    assert broken.why.startswith(says)
    assert "`" not in broken.why
    assert "$" not in broken.why


def test_every_column_says_what_it_holds() -> None:
    assert list(HOLDS) == list(BulkRow.__struct_fields__)
