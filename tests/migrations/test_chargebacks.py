"""What earlier disputes took stands on the lines of their payments after the migration, and not a unit more."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from rtp.migrations.schemas import ApplyResult
from rtp.migrations.scripts import PACKAGED
from rtp.testing.servers import Cloned

BEFORE = """
ALTER TABLE payments DROP CONSTRAINT fk_payments_user_id, DROP CONSTRAINT fk_payments_method_id;
ALTER TABLE payment_lines DROP CONSTRAINT fk_payment_lines_user_id;
ALTER TABLE disputes DROP CONSTRAINT fk_disputes_user_id;
INSERT INTO payments (id, user_id, method_id, amount, currency, tax, captured, refunds_held, disputes_lost, state,
    purpose, source, provider, version, created_at)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 1, uuidv7(), 2250, 'USD', 250, 2250, held, lost, 'succeeded',
    'a month', 'test', 'sandbox', 1, now()
FROM (VALUES (1, 0, 1125), (2, 500, 9999), (3, 0, 0)) AS given(n, held, lost);
INSERT INTO payment_lines (id, user_id, payment_id, position, description, quantity, net, tax, net_held)
SELECT uuidv7(), 1, id, 1, 'room', 1, 1000, 0, refunds_held FROM payments
UNION ALL SELECT uuidv7(), 1, id, 2, 'course', 1, 1000, 250, 0 FROM payments;
INSERT INTO disputes (id, user_id, payment_id, provider, provider_ref, amount, currency, tax, reason, state, due_by,
    opened_at, closed_at, version, created_at)
SELECT uuidv7(), 1, id, 'sandbox', id::text, disputes_lost, 'USD', CASE disputes_lost WHEN 1125 THEN 125 ELSE 250 END,
    'general', 'lost', now(), now(), now(), 1, now() FROM payments WHERE disputes_lost > 0;
"""
AFTER = """
SELECT right(payment_id::text, 1), array_agg(net_lost ORDER BY position), array_agg(tax_lost ORDER BY position)
FROM payment_lines GROUP BY payment_id ORDER BY payment_id
"""


def test_earlier_lost_disputes_are_taken_off_the_lines(empty: Cloned, applying: Callable[..., ApplyResult]) -> None:
    applying(empty, PACKAGED, target="0014")
    with psycopg.connect(empty.owner_url) as connection:
        connection.execute(BEFORE.encode())
    applying(empty, PACKAGED, target="0015")
    with psycopg.connect(empty.owner_url) as connection:
        rows = connection.execute(AFTER.encode()).fetchall()
    assert rows == [("1", [1000, 0], [0, 125]), ("2", [500, 1000], [0, 250]), ("3", [0, 0], [0, 0])]
