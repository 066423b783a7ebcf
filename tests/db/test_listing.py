"""Filters of lists: what was asked for narrows, what was not does not."""

from __future__ import annotations

from sqlalchemy import select

from rtp.db.listing import matching
from rtp.entitlements.model import entitlements


def test_none_and_the_empty_text_ask_for_nothing_and_false_and_zero_do() -> None:
    table = entitlements.c
    query = matching(select(table.id), (table.user_id, None), (table.product_key, ""))
    assert query.whereclause is None
    query = matching(select(table.id), (table.user_id, 0), (table.open, False))
    assert "user_id = " in str(query)
    assert "open = false" in str(query)
