"""Mutants of money that goes back: late failures, what a refund is held to, answers to disputes, reconciliation."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_LATE = "tests/webhooks/test_received_late.py::"
_CAME_BACK = "tests/reconciliation/test_came_back.py::"
_DESK = "tests/refunds/test_desk.py::"
_POLICY = "tests/refunds/test_policy.py::"
_CANCELING = "tests/refunds/test_canceling.py::"
_PLAN = "tests/refunds/test_bulk_plan.py::"
_BULK_POLICY = "tests/refunds/test_bulk_policy.py::"
_ENDS = "tests/refunds/test_bulk_ends.py::"
_BULKS = "tests/refunds/test_bulk_apply.py::"
_DISPUTES = "tests/disputes/test_disputes.py::"
_ANSWERS = "tests/disputes/test_policy.py::"
_PLANTED = "tests/reconciliation/test_planted.py::"
_ROUTES = "tests/reconciliation/test_routes.py::"
_SETTLED = "tests/refunds/test_settled.py::"
_REFUSED = "tests/disputes/test_refused.py::"
_BOOK = "tests/payments/test_sandbox_book.py::"
_ASIDE = "tests/reconciliation/test_aside.py::"

LATE: list[Mutant] = [
    Mutant(
        name="a-late-failure-is-believed-unasked",
        file="src/rtp/webhooks/received_effects.py",
        old="    if not isinstance(told.now, ProviderRefund) or not _same(told, ours, told.now):\n"
        "        return None\n"
        "    return told.now if told.asked and policy.comes_back(ours.state, told.now.state) else None\n",
        new="    said = told.event.subject\n"
        "    if not isinstance(said, ProviderRefund) or not _same(told, ours, said):\n"
        "        return None\n    return said if policy.comes_back(ours.state, said.state) else None\n",
        test=_LATE + "test_a_late_failure_that_the_provider_does_not_confirm_moves_nothing",
    ),
    Mutant(
        name="a-late-failure-of-another-object-is-booked",
        file="src/rtp/webhooks/received_effects.py",
        old="    if not isinstance(told.now, ProviderRefund) or not _same(told, ours, told.now):\n",
        new="    if not isinstance(told.now, ProviderRefund):\n",
        test=_LATE + "test_a_late_failure_of_another_object_under_its_key_is_not_booked[amount]",
    ),
    Mutant(
        name="a-late-failure-is-booked-twice",
        file="src/rtp/refunds/settling.py",
        old='if refund.state != "succeeded" or asked.state != "failed":',
        new='if asked.state != "failed":',
        test=_LATE + "test_a_late_failure_that_is_taken_in_again_changes_nothing",
    ),
    Mutant(
        name="what-has-not-failed-comes-back",
        file="src/rtp/refunds/settling.py",
        old='if refund.state != "succeeded" or asked.state != "failed":',
        new='if refund.state != "succeeded":',
        test=_LATE + "test_money_comes_back_by_nothing_but_a_failure_that_the_provider_was_asked_about[pending]",
    ),
    Mutant(
        name="what-came-back-is-not-free-again",
        file="src/rtp/refunds/settling.py",
        old="failure_reason=asked.failure_reason, settled_at=frame.now)\n    await release(frame, after)\n",
        new="failure_reason=asked.failure_reason, settled_at=frame.now)\n",
        test=_LATE + "test_a_refund_that_fails_after_it_succeeded_frees_its_amount_and_is_mirrored_in_the_ledger",
    ),
    Mutant(
        name="what-was-paid-is-not-mirrored",
        file="src/rtp/ledger/movements.py",
        old="of=(RESERVED, PAID)",
        new="of=(RESERVED,)",
        test=_LATE + "test_a_refund_that_fails_after_it_succeeded_frees_its_amount_and_is_mirrored_in_the_ledger",
    ),
    Mutant(
        name="a-late-failure-is-left-to-a-person",
        file="src/rtp/reconciliation/policy.py",
        old="settled = ours.state in REFUND_OPEN or late",
        new="settled = ours.state in REFUND_OPEN",
        test=_CAME_BACK + "test_it_is_found_and_booked_by_the_plan",
    ),
    Mutant(
        name="a-late-failure-is-mended-without-effect",
        file="src/rtp/reconciliation/mending.py",
        old='    if found.ours.state == "succeeded":\n',
        new="    if False:\n",
        test=_CAME_BACK + "test_it_is_found_and_booked_by_the_plan",
    ),
    Mutant(
        name="what-is-weeks-old-is-not-compared",
        file="src/rtp/reconciliation/policy.py",
        old="since = now - (FAR if due else NEAR)",
        new="since = now - NEAR",
        test=_CAME_BACK + "test_weeks_later_it_is_found_within_a_week_and_every_night_until_it_is_mended",
    ),
]

REFUNDS: list[Mutant] = [
    Mutant(
        name="a-refund-of-what-was-never-taken-is-issued",
        file="src/rtp/refunds/service.py",
        old='    if payment.state != "succeeded":\n        raise NothingToRefund',
        new="    if False:\n        raise NothingToRefund",
        test="tests/refunds/test_refunds.py::test_a_declined_card_fails_the_payment_and_nothing_can_be_refunded",
    ),
    Mutant(
        name="a-refund-in-another-currency-is-issued",
        file="src/rtp/refunds/service.py",
        old="    if request.currency not in {None, currency}:\n",
        new="    if False:\n",
        test=_DESK + "test_what_cannot_be_refunded_is_refused_and_holds_nothing",
    ),
    Mutant(
        name="an-unknown-outcome-blocks-nothing",
        file="src/rtp/refunds/service.py",
        old='        if refund.state == "unknown":\n',
        new="        if False:\n",
        test=_DESK + "test_an_unknown_outcome_blocks_an_equal_refund_under_a_new_key_however_old_it_is",
    ),
    Mutant(
        name="a-refund-whose-payment-was-disputed-meanwhile-is-sent",
        file="src/rtp/refunds/settling.py",
        old="    if known or not (payment.disputed or await gone(frame, payment)):\n",
        new="    if payment:\n",
        test="tests/disputes/test_races.py"
        "::test_a_refund_that_still_waits_to_be_sent_when_a_dispute_comes_is_never_sent",
    ),
    Mutant(
        name="a-refund-of-a-disputed-payment-is-approved",
        file="src/rtp/refunds/deciding.py",
        old="    service.refuse(payment)\n",
        new="",
        test=_POLICY + "test_a_dispute_that_was_opened_meanwhile_stops_the_approval",
    ),
    Mutant(
        name="a-refund-is-approved-after-its-time",
        file="src/rtp/refunds/deciding.py",
        old="    refuse_late(frame, before)\n",
        new="",
        test=_POLICY + "test_a_refund_that_nobody_approved_in_time_ends_and_cannot_be_approved_any_more",
    ),
    Mutant(
        name="a-rejected-refund-keeps-its-amount",
        file="src/rtp/refunds/deciding.py",
        old="decided_at=frame.now, settled_at=frame.now\n    )\n    await settling.release(frame, after)\n",
        new="decided_at=frame.now, settled_at=frame.now\n    )\n",
        test=_POLICY + "test_a_rejected_refund_gives_its_amount_back_whoever_rejects_it",
    ),
    Mutant(
        name="a-refund-that-was-called-off-keeps-its-amount",
        file="src/rtp/refunds/canceling.py",
        old="    await settling.release(frame, after)\n",
        new="",
        test=_CANCELING + "test_a_refund_that_waits_behind_an_open_breaker_is_called_off_and_frees_its_amount",
    ),
    Mutant(
        name="what-was-sent-is-called-off",
        file="src/rtp/refunds/policy.py",
        old='    ("created", "cancel"): "canceled",\n',
        new='    ("created", "cancel"): "canceled",\n    ("succeeded", "cancel"): "canceled",\n',
        test=_CANCELING + "test_what_was_sent_cannot_be_called_off",
    ),
    Mutant(
        name="a-refund-is-asked-of-another-provider",
        file="src/rtp/refunds/jobs.py",
        old="    hold_to(provider, payment.id, payment.provider)\n",
        new="",
        test="tests/payments/test_other_provider.py"
        "::test_a_refund_is_never_asked_of_a_provider_that_does_not_have_the_payment",
    ),
    Mutant(
        name="a-product-that-is-not-refundable-is",
        file="src/rtp/refunds/rules.py",
        old="if row is not None and not row.refundable:",
        new="if False:",
        test=_POLICY + "test_a_product_that_is_not_refundable_is_refused_and_others_of_the_payment_are_not",
    ),
    Mutant(
        name="a-window-never-closes",
        file="src/rtp/refunds/rules.py",
        old="if days is not None and case.now - case.captured_at > timedelta(days=days):",
        new="if False:",
        test=_POLICY + "test_a_window_closes_to_the_instant_and_a_product_may_have_its_own",
    ),
    Mutant(
        name="one-refund-may-be-of-any-size",
        file="src/rtp/refunds/rules.py",
        old="    if row.one is not None:\n",
        new="    if False:\n",
        test=_POLICY + "test_one_refund_may_be_up_to_the_limit_of_its_role",
    ),
    Mutant(
        name="a-role-that-the-policy-does-not-name-is-free",
        file="src/rtp/refunds/rules.py",
        old='        yield Verdict(rule="limit", detail="", error=missing)\n',
        new='        yield Verdict(rule="limit", detail=missing.message)\n',
        test=_POLICY + "test_a_role_or_currency_that_the_policy_does_not_name_may_refund_nothing",
    ),
    Mutant(
        name="a-member-has-no-limit",
        file="src/rtp/refunds/rules.py",
        old='case.to_member[span], case.amount, "the member\'s", "member")',
        new='0, case.amount, "the member\'s", "member")',
        test=_POLICY + "test_a_member_has_a_limit_whoever_refunds",
    ),
    Mutant(
        name="a-late-answer-moves-a-refund-that-ended",
        file="src/rtp/refunds/settling.py",
        old="    if refund.state in policy.SETTLED:\n        return refund\n    if outcome",
        new="    if outcome",
        test=_SETTLED + "test_no_late_answer_moves_a_refund_that_has_ended",
    ),
    Mutant(
        name="a-late-refusal-moves-a-refund-that-ended",
        file="src/rtp/refunds/settling.py",
        old="return refund if refund.state in policy.SETTLED else await fail(",
        new="return await fail(",
        test=_SETTLED + "test_no_late_answer_moves_a_refund_that_has_ended",
    ),
    Mutant(
        name="a-lost-answer-is-taken-for-a-refusal",
        file="src/rtp/refunds/jobs.py",
        old="            await settling.lose(frame, refund.id, next_question)\n",
        new="            await settling.refused(frame, refund.id)\n",
        test="tests/refunds/test_refunds.py"
        "::test_a_lost_answer_is_unknown_until_the_provider_is_asked_and_no_second_refund_is_made",
    ),
    Mutant(
        name="a-refund-expires-before-its-time",
        file="src/rtp/refunds/deciding.py",
        old="before.expires_at is None or before.expires_at > frame.now",
        new="before.expires_at is None",
        test=_POLICY + "test_a_refund_that_nobody_approved_in_time_ends_and_cannot_be_approved_any_more",
    ),
]

BULKS: list[Mutant] = [
    Mutant(
        name="a-plan-holds-at-the-instant-of-its-end",
        file="src/rtp/refund_bulks/service.py",
        old="bulk.expires_at <= frame.now",
        new="bulk.expires_at < frame.now",
        test=_ENDS + "test_a_plan_holds_for_a_day_and_is_over_at_the_instant_that_it_names",
    ),
    Mutant(
        name="a-file-is-not-held-to-its-caps",
        file="src/rtp/refund_bulks/service.py",
        old="    policy.hold_caps(before.id, before.accepted, before.totals, before.max_count, before.max_totals)\n",
        new="",
        test=_PLAN + "test_a_plan_beyond_its_caps_is_refused_and_cannot_be_applied",
    ),
    Mutant(
        name="a-currency-without-a-cap-is-free",
        file="src/rtp/refund_bulks/policy.py",
        old="cap = caps.get(total.currency, Money.zero(total.currency))",
        new="cap = caps.get(total.currency, total)",
        test=_PLAN + "test_a_cap_without_a_currency_of_the_file_is_a_cap_of_nothing",
    ),
    Mutant(
        name="equal-rows-without-a-key-are-both-refunded",
        file="src/rtp/refund_bulks/policy.py",
        old="    if row.key is None and (first := ",
        new="    if False and (first := ",
        test=_PLAN + "test_equal_rows_are_refused_as_repeated_unless_each_has_a_key_of_its_own",
    ),
    Mutant(
        name="rows-of-one-payment-are-looked-at-alone",
        file="src/rtp/refund_bulks/policy.py",
        old="left = payment.refundable - Money(sum(one.amount for one in earlier), payment.amount.currency)",
        new="left = payment.refundable",
        test=_PLAN + "test_rows_of_one_payment_are_counted_together_over_all_batches",
    ),
    Mutant(
        name="a-file-may-be-judged-by-two-policies",
        file="src/rtp/refund_bulks/adding.py",
        old="    policy.hold_policy(bulk, batch.outlook.version)\n",
        new="",
        test=_BULK_POLICY + "test_a_policy_that_changes_while_the_file_is_read_ends_it",
    ),
    Mutant(
        name="a-bulk-that-was-canceled-goes-on",
        file="src/rtp/refund_bulks/steps.py",
        old="    if bulk.canceling:\n",
        new="    if False:\n",
        test=_BULKS + "test_a_cancelled_bulk_ends_with_what_it_has_issued",
    ),
    Mutant(
        name="who-canceled-a-bulk-is-not-kept",
        file="src/rtp/refund_bulks/service.py",
        old='    frame.record("bulk.canceled", after.id, after.version, before=before, after=after)\n',
        new="",
        test=_ENDS + "test_who_cancels_a_bulk_and_why_is_in_the_audit_with_how_it_was_and_is",
    ),
    Mutant(
        name="the-same-file-is-refunded-again",
        file="src/rtp/refund_bulks/service.py",
        old="    if not request.again and (first := ",
        new="    if False and (first := ",
        test=_BULKS + "test_the_same_file_again_is_refused_unless_it_is_meant",
    ),
]

DISPUTES: list[Mutant] = [
    Mutant(
        name="a-dispute-is-answered-twice",
        file="src/rtp/disputes/policy.py",
        old='    if dispute.answer_state == "queued" or taken:\n',
        new="    if False:\n",
        test=_ANSWERS + "test_an_answer_is_refused_where_it_can_have_no_effect",
    ),
    Mutant(
        name="evidence-is-taken-after-its-deadline",
        file="src/rtp/disputes/policy.py",
        old='if event == "evidence" and dispute.due_by <= now:',
        new="if False:",
        test=_ANSWERS + "test_evidence_comes_until_its_deadline_and_giving_in_is_possible_after_it",
    ),
    Mutant(
        name="of-two-ends-of-a-dispute-the-later-one-holds",
        file="src/rtp/disputes/policy.py",
        old='return "known" if ours == theirs or theirs in OPEN else "doubt"',
        new='return "known"',
        test=_ANSWERS + "test_a_providers_word_is_known_news_or_two_different_ends",
    ),
    Mutant(
        name="a-dispute-of-what-was-not-taken-is-opened",
        file="src/rtp/disputes/service.py",
        old='    if payment.state != "succeeded":\n',
        new="    if False:\n",
        test=_DISPUTES + "test_a_dispute_of_money_that_was_not_taken_yet_waits_for_the_charge",
    ),
    Mutant(
        name="a-dispute-that-was-won-keeps-its-money",
        file="src/rtp/disputes/service.py",
        old="        await movements.dispute_won(frame, after.id, user=after.user_id)\n",
        new="        pass\n",
        test=_DISPUTES + "test_evidence_is_handed_in_once_and_the_outcome_stands_in_the_books[won]",
    ),
    Mutant(
        name="a-dispute-in-another-currency-is-taken-in",
        file="src/rtp/disputes/service.py",
        old="if amount is not None and amount.currency != payment.amount.currency:",
        new="if False:",
        test=_REFUSED + "test_a_dispute_in_another_currency_than_its_payment_is_not_taken_in[amount]",
    ),
    Mutant(
        name="what-was-given-up-is-given-up-again",
        file="src/rtp/disputes/answering.py",
        old='    policy.refuse_answer(before, "accept", frame.now)\n',
        new="",
        test=_REFUSED + "test_what_was_given_up_is_not_given_up_again",
    ),
    Mutant(
        name="evidence-of-any-length-is-kept",
        file="src/rtp/disputes/answering.py",
        old="    evidence.hold_limit(parts)\n",
        new="",
        test=_DISPUTES + "test_evidence_longer_than_a_provider_takes_is_refused_before_it_is_kept",
    ),
]

RECONCILIATION: list[Mutant] = [
    Mutant(
        name="two-days-without-a-comparison-are-fine",
        file="src/rtp/invariants/service.py",
        old="if run.created_at < frame.now - reconciliation.LATEST:",
        new="if False:",
        test="tests/invariants/test_reconciled.py"
        "::test_what_was_not_compared_for_more_than_two_days_is_not_taken_for_equal",
    ),
    Mutant(
        name="what-a-comparison-left-open-is-fine",
        file="src/rtp/invariants/service.py",
        old="if (left := await reconciliation.left_open(frame)) is not None:",
        new="if (left := None) is not None:",
        test="tests/invariants/test_reconciled.py::test_what_a_comparison_left_open_stays_a_break_however_old_it_is",
    ),
    Mutant(
        name="another-amount-is-settled-by-itself",
        file="src/rtp/reconciliation/policy.py",
        old='    if ours.amount != theirs.amount and not (ours.state == theirs.state == "failed"):\n',
        new="    if False:\n",
        test=_PLANTED + "test_every_planted_difference_is_found_and_no_other",
    ),
    Mutant(
        name="another-object-under-our-key-is-taken-for-ours",
        file="src/rtp/reconciliation/policy.py",
        old="    if ours.ref and ours.ref != theirs.ref:\n",
        new="    if False:\n",
        test="tests/reconciliation/test_policy.py"
        "::test_another_object_under_our_key_is_for_a_person_whatever_its_state_is",
    ),
    Mutant(
        name="more-than-is-left-is-taken-in",
        file="src/rtp/reconciliation/policy.py",
        old="return left is not None and left.currency == amount.currency and amount <= left",
        new="return left is not None",
        test="tests/reconciliation/test_by_hand.py"
        "::test_what_does_not_fit_is_set_aside_and_its_event_rests_once_a_person_closed_it",
    ),
    Mutant(
        name="what-was-set-aside-hides-what-changed-since",
        file="src/rtp/reconciliation/repository.py",
        old="        where=set_aside.c.digest != query.excluded.digest,\n",
        new="        where=set_aside.c.digest == query.excluded.digest,\n",
        test=_ASIDE + "test_what_changed_after_it_was_closed_is_set_aside_as_open_again",
    ),
    Mutant(
        name="a-plan-mends-by-another-request",
        file="server/rtp_server/reconciling.py",
        old="        if plan.fingerprint != fingerprint:\n",
        new="        if False:\n",
        test=_ROUTES + "test_a_plan_of_another_request_or_one_that_is_over_mends_nothing",
    ),
    Mutant(
        name="a-plan-mends-as-often-as-asked",
        file="server/rtp_server/reconciling.py",
        old="values(used_at=frame.now)",
        new="values(used_at=None)",
        test=_ROUTES + "test_nothing_is_changed_without_a_plan_and_a_plan_serves_once",
    ),
    Mutant(
        name="what-a-mend-was-refused-is-done",
        file="src/rtp/reconciliation/service.py",
        old="left = sum(one.outcome in policy.LEFT for one in done) + planned.left_out",
        new="left = planned.left_out",
        test=_PLANTED + "test_what_a_mend_was_refused_is_left_open",
    ),
    Mutant(
        name="a-mended-difference-is-not-locked",
        file="src/rtp/reconciliation/mending.py",
        old="            await _lock(frame, found)\n",
        new="",
        test=_PLANTED + "test_two_who_mend_the_same_at_once_do_it_once",
    ),
    Mutant(
        name="a-list-that-does-not-end-is-waited-for",
        file="src/rtp/payments/guarded.py",
        old="return await self._once(self._provider.list_refunds, since, seconds=LIST_SECONDS)",
        new="return await self._once(self._provider.list_refunds, since)",
        test="tests/payments/test_guarded.py"
        "::test_a_list_has_a_minute_for_all_of_its_pages_and_not_a_moment_more[list_refunds]",
    ),
    Mutant(
        name="the-sandbox-keeps-more-than-it-took",
        file="src/rtp/payments/sandbox_money.py",
        old="min(share + control.fee_fixed, captured.amount)",
        new="share + control.fee_fixed",
        test="tests/payments/test_sandbox_book.py"
        "::test_whatever_is_asked_no_charge_returns_more_than_it_took_and_the_record_tells_it_all",
    ),
    Mutant(
        name="what-waits-for-a-person-is-seen-to",
        file="src/rtp/reconciliation/aside_repository.py",
        old="set_aside.c.closed_at.is_not(None), key.in_(keys)",
        new="key.in_(keys)",
        test="tests/reconciliation/test_by_hand.py"
        "::test_what_does_not_fit_is_set_aside_and_its_event_rests_once_a_person_closed_it",
    ),
    Mutant(
        name="the-sandbox-returns-more-than-it-took",
        file="src/rtp/payments/sandbox_money.py",
        old='> charge.captured else ""',
        new='> charge.captured and False else ""',
        test=_BOOK + "test_whatever_is_asked_no_charge_returns_more_than_it_took_and_the_record_tells_it_all",
    ),
    Mutant(
        name="the-sandbox-disputes-more-than-it-took",
        file="src/rtp/payments/sandbox_disputes.py",
        old="or wanted > charge.captured - lost",
        new="or False",
        test=_BOOK + "test_no_more_is_disputed_than_was_captured_and_not_lost_before",
    ),
]

MUTANTS = [*LATE, *REFUNDS, *BULKS, *DISPUTES, *RECONCILIATION]
