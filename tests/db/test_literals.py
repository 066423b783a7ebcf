"""Array literals hold every text that PostgreSQL can hold."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.literals import array

AWKWARD = ['"', "\\", '\\"', "{", "}", ",", "NULL", "null", "", " ", "\n\t", "'", '","', "Zoë 明美 🙂", "%s %(x)s :now"]
_ECHO = text("SELECT CAST(:texts AS text[])")


async def test_awkward_texts_come_back_from_the_server_as_they_were(frame: Frame) -> None:
    row = await frame.first(_ECHO, {"texts": array(AWKWARD)})
    assert row is not None
    assert row[0] == AWKWARD


@pytest.mark.parametrize("awkward", AWKWARD)
async def test_a_single_awkward_text_is_an_array_of_one(frame: Frame, awkward: str) -> None:
    row = await frame.first(_ECHO, {"texts": array([awkward])})
    assert row is not None
    assert row[0] == [awkward]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
async def test_any_texts_come_back_as_they_were(frame: Frame, texts: list[str]) -> None:
    row = await frame.first(_ECHO, {"texts": array(texts)})
    assert row is not None
    assert row[0] == texts
