"""What a refund asks the database for: single rows, however many there are."""

from __future__ import annotations

import psycopg
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
