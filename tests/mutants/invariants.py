"""Mutants of the invariants of money: a half of a rule removed each, and the planted break that is no longer found."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_RULES = "src/rtp/invariants/rules.py"
_LEDGER = "src/rtp/ledger/rules.py"
_POLICY = "src/rtp/invariants/policy.py"
_SERVICE = "src/rtp/invariants/service.py"


def _break(name: str, old: str, new: str, planted: str) -> Mutant:
    test = f"tests/invariants/test_breaks.py::test_a_planted_break_is_found[{planted}]"
    return Mutant(name=name, file=_RULES, old=old, new=new, test=test)


def _whole(name: str, file: str, old: str, new: str, test: str) -> Mutant:
    return Mutant(name=name, file=file, old=old, new=new, test=f"tests/invariants/test_{test}")


def _ledger(name: str, old: str, new: str, rule: str) -> Mutant:
    return Mutant(
        name=name, file=_LEDGER, old=old, new=new, test=f"tests/ledger/test_rules.py::test_a_break_is_named[{rule}]"
    )


RULES: list[Mutant] = [
    _break(
        "a-refund-beyond-what-was-captured-is-not-looked-for",
        "coalesce(r.amount, 0) > p.captured OR",
        "",
        "a refund of more than was captured",
    ),
    _break(
        "a-refund-that-is-not-held-is-not-looked-for",
        "OR coalesce(r.amount, 0) <> p.refunds_held",
        "",
        "a refund that the payment does not hold",
    ),
    _break(
        "more-captured-than-asked-for-is-not-looked-for",
        " OR p.captured > p.amount",
        "",
        "more captured than was asked for",
    ),
    _break(
        "the-net-of-a-line-is-not-looked-at",
        "coalesce(held.net, 0) + l.net_lost > l.net OR",
        "",
        "more net returned than a line had",
    ),
    _break(
        "what-a-line-holds-is-not-looked-at",
        "IS DISTINCT FROM (l.net_held, l.tax_held, l.quantity_held)",
        "IS NULL",
        "pieces that a line holds for no refund",
    ),
    _break(
        "the-tax-of-a-refunds-lines-is-not-looked-at",
        "AND (r.amount, r.tax) IS DISTINCT FROM (l.amount, l.tax)",
        "AND r.amount IS DISTINCT FROM l.amount",
        "a refund of another tax than its lines",
    ),
    _break(
        "the-net-that-a-dispute-took-is-not-looked-at",
        "coalesce(held.net, 0) + l.net_lost > l.net",
        "coalesce(held.net, 0) > l.net",
        "net that a refund and a dispute both took",
    ),
    _break(
        "the-tax-of-a-line-is-not-looked-at",
        "OR coalesce(held.tax, 0) + l.tax_lost > l.tax",
        "",
        "more tax returned than a line had",
    ),
    _break(
        "the-tax-that-a-dispute-took-is-not-looked-at",
        "coalesce(held.tax, 0) + l.tax_lost > l.tax",
        "coalesce(held.tax, 0) > l.tax",
        "tax that a dispute took of a line without",
    ),
    _break(
        "the-pieces-of-a-line-are-not-counted",
        "OR coalesce(held.quantity, 0) > l.quantity",
        "",
        "more pieces returned than were sold",
    ),
    _break("a-job-that-was-due-is-not-looked-for", "WHERE j.status = 'todo'", "WHERE false", "a job that was due"),
    _break(
        "a-job-without-a-time-is-never-late",
        "coalesce(j.scheduled_at, asked.at)",
        "j.scheduled_at",
        "a job without a time that waits",
    ),
    _break(
        "a-subscription-that-was-due-is-not-looked-for",
        "FROM subscriptions WHERE due_at < :due",
        "FROM subscriptions WHERE due_at < :due AND false",
        "a subscription's step that was due",
    ),
    _break(
        "a-payment-that-was-never-sent-is-not-looked-for",
        "FROM payments WHERE state IN ('created', 'submitted')",
        "FROM payments WHERE state IN ('submitted')",
        "a payment that was never sent",
    ),
    _break(
        "a-payment-without-an-answer-is-not-looked-for",
        "FROM payments WHERE state IN ('created', 'submitted')",
        "FROM payments WHERE state IN ('created')",
        "a payment without an answer",
    ),
    _break(
        "a-refund-that-was-never-sent-is-not-looked-for",
        "WHERE state IN ('created', 'submitted') AND coalesce(decided_at, created_at) < :due",
        "WHERE state IN ('submitted') AND coalesce(decided_at, created_at) < :due",
        "a refund that was never sent",
    ),
    _break(
        "a-refund-without-an-answer-is-not-looked-for",
        "WHERE state IN ('created', 'submitted') AND coalesce(decided_at, created_at) < :due",
        "WHERE state IN ('created') AND coalesce(decided_at, created_at) < :due",
        "a refund without an answer",
    ),
    _break(
        "a-webhook-that-waits-is-not-looked-for",
        "state IN ('received', 'failed')",
        "state IN ('failed')",
        "a webhook that nobody processed",
    ),
    _break(
        "a-webhook-that-failed-is-not-looked-for",
        "state IN ('received', 'failed')",
        "state IN ('received')",
        "a webhook that failed and is not tried again",
    ),
    _break(
        "a-period-that-has-not-begun-is-not-looked-for",
        "due_at IS NULL OR period_start > CAST(:now AS timestamptz) + interval '10 minutes'",
        "due_at IS NULL OR CAST(:now AS timestamptz) IS NULL",
        "a period that has not begun",
    ),
    _break(
        "a-period-without-an-end-is-not-looked-for",
        "(due_at IS NULL OR period_start",
        "(period_start",
        "a period at whose end nothing is due",
    ),
    _break(
        "a-clock-that-stands-still-is-not-looked-for",
        "to_timestamp(defer_timestamp) < now() - interval '10 minutes'",
        "false",
        "a clock that stands still",
    ),
    _break(
        "access-by-no-subscription-is-not-looked-for",
        "(s.id IS NULL OR s.status NOT IN",
        "(s.status NOT IN",
        "access by no subscription",
    ),
    _break(
        "access-by-anothers-subscription-counts",
        "ON s.id = e.source_id AND s.user_id = e.user_id AND",
        "ON s.id = e.source_id AND",
        "access by another's subscription",
    ),
    _break(
        "access-by-the-subscription-of-another-product-counts",
        "AND s.user_id = e.user_id AND s.product_id = e.product_id\n        WHERE e.open",
        "AND s.user_id = e.user_id\n        WHERE e.open",
        "access to what another subscription opens",
    ),
    _break(
        "access-that-is-closed-is-not-looked-for",
        "(e.id IS NULL OR (NOT e.open AND e.revoked_until IS NULL))",
        "e.id IS NULL",
        "a subscription whose access is closed",
    ),
    _break(
        "access-that-is-missing-is-not-looked-for",
        "(e.id IS NULL OR (NOT e.open AND e.revoked_until IS NULL))",
        "(NOT e.open AND e.revoked_until IS NULL)",
        "a subscription without access",
    ),
    _break(
        "credit-below-zero-is-not-looked-for",
        "GROUP BY user_id, currency HAVING sum(amount) > 0",
        "GROUP BY user_id, currency HAVING false",
        "credit below zero",
    ),
    _break(
        "what-was-paid-after-the-end-counts",
        "coalesce(s.ended_at, s.paused_at) < p.settled_at",
        "s.paused_at < p.settled_at",
        "paid after the end",
    ),
    _break(
        "what-was-paid-while-paused-counts",
        "coalesce(s.ended_at, s.paused_at) < p.settled_at",
        "s.ended_at < p.settled_at",
        "paid while paused",
    ),
    _break(
        "what-was-paid-and-not-noted-counts",
        "(s.payment_state <> 'succeeded' AND p.settled_at < :due)",
        "CAST(:due AS timestamptz) IS NULL",
        "paid and not noted as paid",
    ),
    _break(
        "a-suspended-member-may-be-charged",
        "(u.status = 'suspended' OR u.deleted_at IS NOT NULL)",
        "u.deleted_at IS NOT NULL",
        "a suspended member who is charged soon",
    ),
    _break(
        "a-deleted-member-may-be-charged",
        "(u.status = 'suspended' OR u.deleted_at IS NOT NULL)",
        "u.status = 'suspended'",
        "a deleted member who is charged soon",
    ),
    _whole(
        "an-hour-without-payments-is-not-looked-for",
        _RULES,
        "settled_at > until - interval '1 hour') = 0",
        "settled_at > until - interval '1 hour') < 0",
        "breaks.py::test_on_prod_an_hour_without_any_of_the_usual_payments_is_a_break",
    ),
]

RECORD: list[Mutant] = [
    _whole(
        "what-only-the-provider-has-is-not-looked-for",
        _POLICY,
        "if key not in ours and one.created_at < until",
        "if False",
        "invariants.py::test_a_charge_that_only_the_provider_has_is_found",
    ),
    _whole(
        "what-the-provider-does-not-have-is-not-looked-for",
        _POLICY,
        'if mine.state == "succeeded" and mine.created_at >= since + LEEWAY and not mine.taken_in:',
        "if False:",
        "invariants.py::test_a_charge_that_the_provider_does_not_have_is_found",
    ),
    _whole(
        "other-amounts-there-are-not-looked-for",
        _POLICY,
        'if mine.state == "succeeded" and mine.amount != other.amount:',
        "if False:",
        "breaks.py::test_a_planted_break_is_found[a refund of less than there]",
    ),
    _whole(
        "other-states-there-are-not-looked-for",
        _POLICY,
        'if (mine.state == "succeeded") != (other.state == "succeeded") and other.state != "authorized":',
        "if False:",
        "breaks.py::test_a_planted_break_is_found[a charge that failed here only]",
    ),
    _whole(
        "a-provider-that-is-away-agrees",
        _SERVICE,
        'return Finding(name=RECORD, state="warning"',
        'return Finding(name=RECORD, state="ok"',
        "invariants.py::test_a_provider_that_is_away_leaves_its_rule_unjudged",
    ),
    _whole(
        "a-refund-of-unknown-outcome-may-be-forgotten",
        "src/rtp/invariants/repository.py",
        "FROM refunds WHERE state IN ('unknown', 'pending')",
        "FROM refunds WHERE state IN ('pending')",
        "breaks.py::test_a_planted_break_is_found[a refund of unknown outcome that nobody asks about]",
    ),
    _whole(
        "a-pending-refund-may-be-forgotten",
        "src/rtp/invariants/repository.py",
        "FROM refunds WHERE state IN ('unknown', 'pending')",
        "FROM refunds WHERE state IN ('unknown')",
        "breaks.py::test_a_planted_break_is_found[a pending refund that nobody asks about]",
    ),
    _whole(
        "a-payment-of-unknown-outcome-may-be-forgotten",
        "src/rtp/invariants/repository.py",
        "FROM payments WHERE state = 'unknown'",
        "FROM payments WHERE false",
        "breaks.py::test_a_planted_break_is_found[a payment of unknown outcome that nobody asks about]",
    ),
    _whole(
        "a-consumer-that-is-behind-is-not-looked-for",
        _SERVICE,
        "if seconds > policy.LEEWAY.total_seconds()]",
        "if seconds < 0]",
        "invariants.py::test_a_consumer_that_is_behind_is_found",
    ),
    _whole(
        "a-rule-that-breaks-is-not-told",
        _SERVICE,
        'if found.state == "failed" and not was_broken:',
        "if False:",
        "invariants.py::test_the_job_keeps_what_it_found_and_tells_when_a_rule_breaks_and_heals",
    ),
    _whole(
        "two-looks-at-once-tell-of-a-break-twice",
        _SERVICE,
        "    await repository.lock(frame)\n",
        "",
        "invariants.py::test_two_looks_at_once_tell_of_a_break_once",
    ),
    _whole(
        "doctor-takes-an-old-look-for-a-new-one",
        "src/rtp/meta/checks.py",
        "if age > invariants.LATEST:",
        "if False:",
        "invariants.py::test_doctor_and_the_morning_page_show_what_the_job_found",
    ),
]

LEDGER: list[Mutant] = [
    _ledger(
        "the-check-takes-what-does-not-balance",
        "SELECT transaction_id::text FROM ledger GROUP BY transaction_id, currency HAVING sum(amount) <> 0",
        "SELECT transaction_id::text FROM ledger WHERE false",
        "every transaction balances",
    ),
    _ledger(
        "the-check-takes-a-movement-posted-twice",
        'FROM ledger GROUP BY source, kind HAVING count(DISTINCT transaction_id) > 1",',
        'FROM ledger WHERE false",',
        "each movement is posted once",
    ),
    _ledger(
        "the-check-takes-what-was-captured-and-not-posted",
        "WHERE p.captured <> coalesce(l.amount, 0)",
        "WHERE false",
        "captured equals what was posted",
    ),
    _ledger(
        "the-check-takes-a-refund-that-is-not-held",
        "WHERE p.refunds_held <> coalesce(r.amount, 0)",
        "WHERE false",
        "held equals the refunds that hold",
    ),
    _ledger(
        "the-check-takes-more-held-than-captured",
        "FROM payments WHERE refunds_held > captured",
        "FROM payments WHERE false",
        "no refund exceeds what was captured",
    ),
    _ledger(
        "the-check-takes-tax-that-was-not-posted",
        "WHERE CASE WHEN p.state = 'succeeded' THEN p.tax ELSE 0 END <> coalesce(l.amount, 0)",
        "WHERE false",
        "the tax that was posted is the tax that was sold",
    ),
    _ledger(
        "the-check-takes-a-refund-posted-with-another-tax",
        "WHERE r.tax <> coalesce(l.amount, 0)",
        "WHERE false",
        "the tax that refunds were posted with is theirs",
    ),
    _ledger(
        "the-check-takes-more-tax-returned-than-taken",
        "HAVING sum(l.amount) > p.tax",
        "HAVING false",
        "no more tax is returned than was taken",
    ),
    _ledger(
        "the-check-takes-a-refund-that-left-no-account",
        "WHERE CASE WHEN r.state = 'succeeded' THEN r.amount ELSE 0 END <> coalesce(l.amount, 0)",
        "WHERE false",
        "each refund paid left the provider's account",
    ),
    _ledger(
        "the-check-takes-what-is-payable-to-nobody",
        ") l ON l.currency = r.currency\n        WHERE coalesce(r.amount, 0) <> coalesce(l.amount, 0)",
        ") l ON l.currency = r.currency\n        WHERE false",
        "refunds payable equal the refunds under way",
    ),
    _ledger(
        "the-check-takes-what-a-failed-refund-left",
        "GROUP BY r.id, l.account, l.currency HAVING sum(l.amount) <> 0",
        "GROUP BY r.id, l.account, l.currency HAVING false",
        "a refund that came to nothing leaves nothing",
    ),
    _ledger(
        "the-check-takes-what-a-dispute-withholds-for-ever",
        "HAVING sum(amount) <> 0 AND bool_or(",
        "HAVING false AND bool_or(",
        "a dispute that ended withholds nothing",
    ),
    _ledger(
        "the-check-takes-a-fee-that-was-not-posted",
        "WHERE d.fee <> coalesce(l.amount, 0)",
        "WHERE false",
        "fees of disputes are what was posted",
    ),
    _ledger(
        "the-check-takes-losses-that-were-not-posted",
        ") l ON l.currency = p.currency\n        WHERE coalesce(p.amount, 0) <> coalesce(l.amount, 0)",
        ") l ON l.currency = p.currency\n        WHERE false",
        "lost disputes equal what payments lost",
    ),
    _ledger(
        "the-check-takes-tax-lost-that-no-line-lost",
        "WHERE coalesce(posted.tax, 0) <> coalesce(lost.tax, 0)",
        "WHERE false",
        "the tax of lost disputes is off the lines of their payments",
    ),
    _ledger(
        "the-check-takes-credit-below-zero",
        "GROUP BY user_id, currency HAVING sum(amount) > 0",
        "GROUP BY user_id, currency HAVING false",
        "no member's credit is below zero",
    ),
    _ledger(
        "the-check-takes-debt-below-zero",
        "GROUP BY account, currency HAVING sum(amount) > 0",
        "GROUP BY account, currency HAVING false",
        "no debt of ours is below zero",
    ),
]

MUTANTS = [*RULES, *RECORD, *LEDGER]
