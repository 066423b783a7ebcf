"""Text: a number of things as people say it."""

from __future__ import annotations

import pytest

from rtp.kit.text import counted


@pytest.mark.parametrize("count, said", [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (12_345, "12,345 jobs")])
def test_one_thing_is_one_thing_and_two_are_things(count: int, said: str) -> None:
    assert counted(count, "job") == said
