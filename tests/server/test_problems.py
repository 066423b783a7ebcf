"""What a refusal of the database is told as: who was a moment late may ask again, who met a rule may not."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rtp.errors import RtpError
from rtp.testing.plugin import OpenFrame
from rtp_server.problems import translate

USER = """
    INSERT INTO users (id, email, name, status, timezone, version, created_at, updated_at)
    VALUES (1, 'a@example.com', 'A', :status, 'UTC', 1, now(), now())
"""


async def told(writing: OpenFrame, *statements: tuple[str, dict[str, str]]) -> RtpError:
    """What becomes of the database's refusal."""
    with pytest.raises(IntegrityError) as caught:
        async with writing() as frame:
            for statement, values in statements:
                await frame.execute(text(statement), values)
    known = translate(caught.value)
    assert known is not None
    return known


async def test_a_rule_of_the_database_is_named_and_nobody_is_asked_to_come_again(
    writing: OpenFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    known = await told(writing, (USER, {"status": "sleeping"}))
    assert (known.code(), known.status, known.retryable) == ("database_refused", 409, False)
    assert str(known) == "The database refuses this, because it would break its rule ck_users_status."
    assert "a rule of the database was reached" in capsys.readouterr().out


async def test_who_was_a_moment_late_with_the_same_key_may_ask_again(writing: OpenFrame) -> None:
    known = await told(writing, (USER, {"status": "active"}), (USER, {"status": "active"}))
    assert (known.code(), known.retryable) == ("database_busy", True)


async def test_who_names_a_row_that_is_gone_may_ask_again(writing: OpenFrame) -> None:
    method = """
        INSERT INTO payment_methods (id, user_id, provider, card, state, version, created_at)
        VALUES (gen_random_uuid(), 1, 'sandbox', 'visa', 'active', 1, now())
    """
    known = await told(writing, (method, {}))
    assert (known.code(), known.retryable) == ("database_busy", True)
