"""What a refund asks the database for: single rows, however many there are."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from rtp.kit import trace
from rtp.permissions import LOCAL_OWNER
from rtp.refunds import service
from rtp.refunds.schemas import IssueRefund
from rtp.testing.servers import Cloned
from tests.refunds.desk import Desk

MORE = """
    WITH paid AS (
        INSERT INTO payments (id, user_id, method_id, amount, currency, captured, state, purpose, source, provider,
                              created_at)
        SELECT gen_random_uuid(), user_id, method_id, amount, currency, captured, state, purpose, 'more', provider,
               created_at
        FROM payments, generate_series(1, 5000) RETURNING id, user_id
    )
    INSERT INTO payment_lines (id, user_id, payment_id, position, description, quantity, net, tax)
    SELECT gen_random_uuid(), user_id, id, 1, 'more', 1, 10000, 0 FROM paid
"""
SCANNED = (
    "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND relname LIKE ANY (ARRAY['pay%', 'refund%'])"
)


async def test_a_refund_looks_its_rows_up_and_reads_no_table_of_money_whole(desk: Desk, database: Cloned) -> None:
    payment = await desk.pay()
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(MORE)
        owner.execute("ANALYZE payments, payment_lines")
    about = {"operation": "refunds.issue", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with desk.frames.writing(**about) as frame:  # type: ignore[arg-type]
        await service.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=2500))
        await frame.flush()
        scanned = {row.relname for row in await frame.all(text(SCANNED))}
    assert scanned <= {"refund_policies"}  # a version is a row, and there are few


async def test_a_refund_is_a_look_for_its_key_a_lock_and_what_closes_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await desk.pay()
    await desk.refunded(await desk.pay())  # the first of a process reads the policy
    sent = noted(monkeypatch)
    await desk.refunded(payment, amount=2500)
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT", "WITH"]
    assert "FOR UPDATE OF payments, payment_lines" in sent[1]


async def test_a_policy_is_read_once_and_what_replaces_it_holds_for_the_next_refund(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await desk.pay()
    sent = noted(monkeypatch)
    for most in (100, 200):
        await desk.rules(limits=[{"role": "local", "currency": "USD", "one": most}])
        sent.clear()
        for n in range(3):
            answer = await desk.issue(payment, amount=most + 1)
            assert answer.json()["code"] == "refund_over_limit", n
            assert (await desk.refunded(payment, amount=most))["policy_version"] == most // 100
        assert sum("refund_policies.document" in statement for statement in sent) == 1


async def test_policies_that_are_applied_at_once_follow_one_another(desk: Desk) -> None:
    limits = [{"limits": [{"role": "local", "currency": "USD", "one": most}]} for most in range(100, 120)]
    made = await asyncio.gather(
        *(
            desk.api.put("/v1/refund-policy", json=rules, headers={"Idempotency-Key": f"policy-{n}"})
            for n, rules in enumerate(limits)
        )
    )
    assert sorted(answer.json()["version"] for answer in made) == list(range(1, 21))


async def test_parallel_parts_of_a_taxed_payment_return_exactly_its_tax(desk: Desk) -> None:
    payment = await desk.pay((1000, 83), (500, 10))
    made = await asyncio.gather(*(desk.refunded(payment, amount=177) for _ in range(9)))
    assert sum(refund["tax"]["amount"] for refund in made) == 93
    assert (await desk.payment(payment))["refundable"]["amount"] == 0
    await desk.books_hold()


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the driver sends from now on, but for the history of requests, which is written beside them."""
    sent: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def noting(self: Any, query: Any, *values: Any, **how: Any) -> Any:
        if "requests" not in str(query):
            sent.append(" ".join(str(query).split()))
        return await execute(self, query, *values, **how)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", noting)
    return sent
