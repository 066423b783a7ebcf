"""Each rule of the invariants finds what breaks it, by its name and id, and takes nothing else for a break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.invariants.shop import Shop, shop

__all__ = ["shop"]

UNBALANCED = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), transaction_id, kind, source, account, 1, currency, user_id, at FROM ledger LIMIT 1
"""
OVERDRAWN = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), '00000000-0000-7000-8000-000000000001', 'balance.adjusted', uuidv7(), account, amount, 'USD',
        user_id, at
    FROM (SELECT user_id, at FROM ledger LIMIT 1) one,
        (VALUES ('member credit', 500), ('credits given', -500)) side (account, amount)
"""
WAITING_JOB = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, priority, scheduled_at)
    VALUES ('default', 'jobs.sweep', '{}', 'todo', 0, 0, now() - interval '11 minutes')
"""
WEBHOOK = """
    INSERT INTO webhooks_received
        (id, provider, event_id, type, body, headers, state, occurred_at, received_at, next_attempt_at)
    VALUES (uuidv7(), 'sandbox', 'evt', 'refund.succeeded', '', '{}', 'received', '2026-03-02 15:00Z',
        '2026-03-02 15:00Z', NULL)
"""
FAILED_WEBHOOK = WEBHOOK.replace("'received'", "'failed'")
SUSPENDED = ["UPDATE users SET status = 'suspended'", "UPDATE subscriptions SET due_at = '2026-03-03 15:00Z'"]
A_WEEK_AGO = """
    INSERT INTO payments (id, user_id, method_id, amount, currency, captured, state, purpose, source, provider, version,
        created_at, settled_at)
    SELECT uuidv7(), user_id, method_id, amount, currency, captured, state, purpose, source, 'elsewhere', 1,
        at, at FROM payments, (SELECT timestamptz '2026-02-23 15:00Z' AS at) one, generate_series(1, {number})
"""
CLOCKWORK = """
    INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp)
    VALUES ('jobs.rescue', extract(epoch FROM now() - interval '{minutes} minutes'))
"""
UNTIMED_JOB = WAITING_JOB.replace("now() - interval '11 minutes'", "NULL")
DEFERRED = "UPDATE procrastinate_events SET at = now() - interval '11 minutes'"
HELD = "UPDATE payments SET refunds_held = (SELECT amount FROM refunds)"
UNRETURNED = "UPDATE payments SET refunds_held = 0; UPDATE payment_lines SET net_held = 0"
ENDED = "UPDATE subscriptions SET ended_at = '2026-03-02 14:00Z'"
QUIET = "UPDATE payments SET settled_at = '2026-03-02 14:00Z' WHERE provider <> 'elsewhere'"
"""Nothing was taken in the last hour."""

BREAKS: dict[str, tuple[str, list[str], str]] = {
    "an entry without its other side": ("ledger", [UNBALANCED], "every transaction balances"),
    "a refund of more than was captured": ("refund caps", ["UPDATE refunds SET amount = 10001", HELD], "pay_"),
    "a refund that the payment does not hold": ("refund caps", ["UPDATE payments SET refunds_held = 0"], "pay_"),
    "more captured than was asked for": ("refund caps", ["UPDATE payments SET captured = 10001"], "pay_"),
    "more net returned than a line had": ("line caps", ["UPDATE refund_lines SET net = 10001"], "pay_"),
    "more tax returned than a line had": ("line caps", ["UPDATE refund_lines SET tax = 1"], "pay_"),
    "more pieces returned than were sold": ("line caps", ["UPDATE refund_lines SET quantity = 2"], "pay_"),
    "net that a line holds for no refund": ("line holds", ["UPDATE payment_lines SET net_held = net_held + 1"], "pay_"),
    "tax that a line holds for no refund": ("line holds", ["UPDATE payment_lines SET tax_held = tax_held + 1"], "pay_"),
    "pieces that a line holds for no refund": (
        "line holds", ["UPDATE payment_lines SET quantity_held = quantity_held + 1"], "pay_",
    ),
    "a refund of more than its lines": ("refund lines", ["UPDATE refund_lines SET net = net - 1"], "rfd_"),
    "a refund of another tax than its lines": (
        "refund lines", ["UPDATE refund_lines SET net = net - 1, tax = tax + 1"], "rfd_",
    ),
    "a refund without lines": ("refund lines", ["DELETE FROM refund_lines"], "rfd_"),
    "net that a refund and a dispute both took": ("line caps", ["UPDATE payment_lines SET net_lost = 7501"], "pay_"),
    "tax that a dispute took of a line without": ("line caps", ["UPDATE payment_lines SET tax_lost = 1"], "pay_"),
    "a charge that failed here only": (
        "provider record", ["UPDATE payments SET state = 'failed'"], "failed here, succeeded there",
    ),
    "a refund of less than there": (
        "provider record", ["UPDATE refunds SET amount = 2400"], "24.00 USD here, 25.00 USD there",
    ),
    "a refund that is not here": ("provider record", ["DELETE FROM refunds"], "only the provider has it"),
    "a job that was due": ("jobs due", [WAITING_JOB], "job_"),
    "a job without a time that waits": ("jobs due", [UNTIMED_JOB, DEFERRED], "job_"),
    "a subscription's step that was due": (
        "subscriptions due", ["UPDATE subscriptions SET due_at = '2026-03-02 15:00Z'"], "sub_",
    ),
    "a payment that was never sent": ("payments under way", ["UPDATE payments SET state = 'created'"], "pay_"),
    "a payment without an answer": ("payments under way", ["UPDATE payments SET state = 'submitted'"], "pay_"),
    "a refund that was never sent": ("refunds under way", ["UPDATE refunds SET state = 'created'"], "rfd_"),
    "a refund without an answer": ("refunds under way", ["UPDATE refunds SET state = 'submitted'"], "rfd_"),
    "a webhook that nobody processed": ("webhooks due", [WEBHOOK], "whr_"),
    "a webhook that failed and is not tried again": ("webhooks due", [FAILED_WEBHOOK], "whr_"),
    "access by a subscription that ended": (
        "access without cause", ["UPDATE subscriptions SET status = 'canceled'"], "ent_",
    ),
    "access by no subscription": ("access without cause", ["DELETE FROM subscriptions"], "ent_"),
    "access by another's subscription": ("access without cause", ["UPDATE subscriptions SET user_id = 1"], "ent_"),
    "access to what another subscription opens": (
        "access without cause", ["UPDATE subscriptions SET product_id = uuidv7()"], "ent_",
    ),
    "a subscription whose access is closed": (
        "cause without access", ["UPDATE entitlements SET open = false"], "sub_",
    ),
    "a subscription without access": ("cause without access", ["DELETE FROM entitlements"], "sub_"),
    "credit below zero": ("balances", [OVERDRAWN], "usr_"),
    "a period that has not begun": (
        "periods", ["UPDATE subscriptions SET period_start = '2026-03-02 16:00Z'"], "sub_",
    ),
    "a period at whose end nothing is due": ("periods", ["UPDATE subscriptions SET due_at = NULL"], "sub_"),
    "a clock that stands still": ("work by the clock", [CLOCKWORK.format(minutes=11)], "jobs.rescue"),
    "paid after the end": ("paid for nothing", [UNRETURNED, ENDED], "pay_"),
    "paid while paused": (
        "paid for nothing", [UNRETURNED, "UPDATE subscriptions SET paused_at = '2026-03-02 14:00Z'"], "pay_",
    ),
    "paid and not noted as paid": (
        "paid for nothing", [UNRETURNED, "UPDATE subscriptions SET payment_state = 'failed'"], "pay_",
    ),
    "a suspended member who is charged soon": ("members who are suspended", SUSPENDED, "sub_"),
    "a deleted member who is charged soon": (
        "members who are suspended", ["UPDATE users SET deleted_at = now()", SUSPENDED[1]], "sub_",
    ),
    "a refund of unknown outcome that nobody asks about": (
        "unknown outcomes", ["UPDATE refunds SET state = 'unknown'"], "rfd_",
    ),
    "a pending refund that nobody asks about": ("unknown outcomes", ["UPDATE refunds SET state = 'pending'"], "rfd_"),
    "a payment of unknown outcome that nobody asks about": (
        "unknown outcomes", ["UPDATE payments SET state = 'unknown'"], "pay_",
    ),
}  # fmt: skip
"""What is broken → the rule that finds it, how it is planted, what the rule shows of it."""


@pytest.mark.parametrize("name, plant, examples", BREAKS.values(), ids=BREAKS)
async def test_a_planted_break_is_found(shop: Shop, name: str, plant: list[str], examples: str) -> None:
    shop.plant(*plant)
    found = (await shop.broken())[name]
    assert found.count >= 1
    assert any(examples in one for one in found.examples)
    assert found.fix.startswith("rtp ")


UNDONE = {"ledger", "provider record"}
"""What a refund that was turned back by hand breaks besides."""


@pytest.mark.parametrize(
    "plant, names",
    [
        ("UPDATE subscriptions SET due_at = '2026-03-02 15:25Z'", set()),
        ("UPDATE entitlements SET until = '2026-03-02 15:00Z'; UPDATE subscriptions SET status = 'canceled'", set()),
        ("UPDATE entitlements SET open = false, revoked_until = '2026-04-02'", set()),
        (WEBHOOK.replace("NULL", "'2026-03-02 16:00Z'"), set()),
        (WAITING_JOB.replace("'11 minutes'", "'9 minutes'"), set()),
        (WAITING_JOB.replace("'todo'", "'succeeded'"), set()),
        ("UPDATE users SET status = 'suspended'", set()),
        (f"{SUSPENDED[0]}; {SUSPENDED[1]}, cancel_at_period_end = true", set()),
        (f"{SUSPENDED[0]}; UPDATE subscriptions SET due_at = '2026-03-03 16:00Z'", set()),
        ("UPDATE subscriptions SET period_start = '2026-03-02 15:35Z'", set()),
        (CLOCKWORK.format(minutes=9), set()),
        (CLOCKWORK.format(minutes=11) + ";" + CLOCKWORK.format(minutes=1), set()),
        (ENDED, set()),
        ("UPDATE subscriptions SET payment_state = 'failed'", set()),
        (f"{UNRETURNED}; {ENDED}; UPDATE payments SET disputes_lost = 1", {"ledger", "refund caps", "line holds"}),
        (f"{UNRETURNED}; {ENDED}; UPDATE payments SET disputes_open = 1", {"ledger", "refund caps", "line holds"}),
        (f"{UNTIMED_JOB}; {DEFERRED.replace('11', '9')}", set()),
        (f"UPDATE refunds SET state = 'failed'; {UNRETURNED}; UPDATE refund_lines SET net = 10001", UNDONE),
        ("UPDATE refunds SET state = 'created', decided_at = '2026-03-02 15:25Z'", UNDONE),
        ("UPDATE refunds SET state = 'waiting', decided_at = NULL", UNDONE),
    ],
)
async def test_what_only_looks_like_a_break_is_none(shop: Shop, plant: str, names: set[str]) -> None:
    shop.plant(*plant.split(";"))
    assert set(await shop.broken()) == names


@pytest.mark.parametrize(
    "environment, a_week_ago, quiet, found",
    [
        ("prod", 10, True, True),
        ("prod", 9, True, False),
        ("prod", 10, False, False),
        ("staging", 10, True, False),
        ("dev", 10, True, False),
    ],
)
async def test_on_prod_an_hour_without_any_of_the_usual_payments_is_a_break(
    shop: Shop, environment: Any, a_week_ago: int, quiet: bool, found: bool
) -> None:
    shop.frames.premises = replace(shop.frames.premises, environment=environment)
    just_now = "UPDATE payments SET settled_at = '2026-03-02 15:20Z' WHERE provider <> 'elsewhere'"
    shop.plant(A_WEEK_AGO.format(number=a_week_ago), QUIET if quiet else just_now)
    [one] = [one for one in (await shop.examine()).checks if one.name == "payments taken"]
    assert (one.state == "failed", [id[:4] for id in one.examples]) == (found, ["pay_"] if found else [])
