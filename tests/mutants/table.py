"""The mutants: one guard removed each, and the named test that must turn red without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in `file`; replaced by `new`, `test` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str


_REFUNDS = "tests/refunds/test_refunds.py::"
_POLICY = "tests/refunds/test_policy.py::"
_BULKS = "tests/refunds/test_bulk_apply.py::"
_SAGAS = "tests/sagas/test_engine.py::"
_GUARD = "tests/payments/test_guarded.py::"
_WEBHOOKS = "tests/webhooks/test_received.py::"
_CONTRACT = "tests/payments/test_provider_contract.py::TestFake::"
_DISPUTES = "tests/disputes/test_disputes.py::"
_PLANTED = "tests/reconciliation/test_planted.py::"
_BY_HAND = "tests/reconciliation/test_by_hand.py::"

MUTANTS: list[Mutant] = [
    Mutant(
        name="the-payment-is-not-locked",
        file="src/rtp/refunds/service.py",
        old="payment = await payments.lock(frame, payment_key)",
        new="payment = await payments.find(frame, payment_key)",
        test=_REFUNDS + "test_one_hundred_meant_refunds_of_a_tenth_succeed_exactly_ten_times",
    ),
    Mutant(
        name="the-database-does-not-hold-the-cap",
        file="src/rtp/db/migrations/versions/0003_money.py",
        old="CHECK (refunds_held BETWEEN 0 AND captured)",
        new="CHECK (refunds_held >= 0)",
        test=_REFUNDS + "test_the_database_itself_refuses_to_hold_more_than_was_captured",
    ),
    Mutant(
        name="the-database-does-not-hold-the-cap-below-a-lost-dispute",
        file="src/rtp/db/migrations/versions/0018_second_person.py",
        old="AND NEW.refunds_held + NEW.disputes_lost > NEW.captured",
        new="AND NEW.refunds_held > NEW.captured",
        test=_REFUNDS + "test_the_database_itself_refuses_to_hold_for_a_refund_what_a_lost_dispute_took",
    ),
    Mutant(
        name="the-effect-is-not-fenced",
        file="src/rtp/refunds/settling.py",
        old='if not await frame.once(f"{refund.id}:succeeded"):',
        new="if False:",
        test=_REFUNDS + "test_an_answer_that_comes_twice_has_its_effect_once",
    ),
    Mutant(
        name="the-provider-is-asked-under-a-new-key",
        file="src/rtp/refunds/jobs.py",
        old="outcome = await provider.refund(refund.id, ",
        new='outcome = await provider.refund(f"{refund.id}-{context.trace.span_id}", ',
        test=_REFUNDS + "test_a_lost_answer_is_unknown_until_the_provider_is_asked_and_no_second_refund_is_made",
    ),
    Mutant(
        name="a-rescued-job-asks-under-a-new-key",
        file="src/rtp/refunds/jobs.py",
        old="outcome = await provider.refund(refund.id, ",
        new='outcome = await provider.refund(f"{refund.id}-{context.trace.span_id}", ',
        test="tests/refunds/test_sleepers.py"
        "::test_a_worker_that_wakes_after_its_job_was_rescued_has_no_second_effect[job.after_provider]",
    ),
    Mutant(
        name="the-role-is-not-asked",
        file="server/rtp_server/operation.py",
        old="if not state.permissions.allows(principal.role, permission):",
        new="if False:",
        test="tests/server/test_permissions.py::test_a_role_may_do_what_the_table_says_and_nothing_else[viewer]",
    ),
    Mutant(
        name="who-issued-a-refund-may-approve-it",
        file="src/rtp/refunds/deciding.py",
        old="if person.id == refund.issued_by:",
        new="if False:",
        test=_POLICY + "test_who_issued_a_refund_cannot_approve_it_by_any_of_their_tokens",
    ),
    Mutant(
        name="the-database-does-not-ask-for-a-second-person",
        file="src/rtp/db/migrations/versions/0008_refund_desk.py",
        old="CHECK (approved_by <> issued_by)",
        new="CHECK (approved_by <> '')",
        test=_POLICY + "test_the_database_itself_refuses_an_approval_by_who_issued_it_and_a_payment_without_one",
    ),
    Mutant(
        name="a-refund-is-paid-without-its-approval",
        file="src/rtp/db/migrations/versions/0008_refund_desk.py",
        old="NOT approval_needed OR approved_by IS NOT NULL OR state IN",
        new="NOT approval_needed OR approved_by IS NOT NULL OR state <> '' OR state IN",
        test=_POLICY + "test_the_database_itself_refuses_an_approval_by_who_issued_it_and_a_payment_without_one",
    ),
    Mutant(
        name="the-rolling-sum-is-not-locked",
        file="src/rtp/refunds/judging.py",
        old="await desks.queue(frame, [one.holder for one in held], payment.amount.currency)",
        new="assert held",
        test=_POLICY + "test_parallel_refunds_of_several_members_never_pass_the_limit_of_who_issues_them",
    ),
    Mutant(
        name="the-rolling-sum-counts-what-was-paid-only",
        file="src/rtp/refunds/desks.py",
        old='"holding": sorted(policy.HOLDING)',
        new='"holding": ["succeeded"]',
        test=_POLICY + "test_a_waiting_refund_counts_against_the_limit_of_who_issued_it",
    ),
    Mutant(
        name="the-database-does-not-compare-a-sum-with-its-limit",
        file="src/rtp/db/migrations/versions/0008_refund_desk.py",
        old="CHECK (day <= day_limit)",
        new="CHECK (day >= 0)",
        test=_POLICY + "test_the_database_itself_refuses_a_sum_above_its_limit",
    ),
    Mutant(
        name="staff-may-refund-to-themselves",
        file="src/rtp/refunds/judging.py",
        old="if member.email.casefold() == frame.principal.name.casefold():",
        new="if False:",
        test=_POLICY + "test_nobody_refunds_to_themselves_with_a_policy_or_without",
    ),
    Mutant(
        name="a-disputed-payment-is-refunded",
        file="src/rtp/refunds/service.py",
        old="    if payment.disputed:\n",
        new="    if False:\n",
        test="tests/refunds/test_desk.py::test_a_disputed_payment_is_not_refunded",
    ),
    Mutant(
        name="tax-is-rounded-refund-by-refund",
        file="src/rtp/payments/shares.py",
        old="tax = share(line.tax.amount, taken, line.net.amount) - _tax_taken(line)",
        new="tax = share(line.tax.amount, amount, line.net.amount)",
        test="tests/refunds/test_allocation.py"
        "::test_the_tax_of_partial_refunds_is_never_more_than_half_a_unit_from_its_share",
    ),
    Mutant(
        name="a-failed-refund-is-issued-anew-twice",
        file="src/rtp/refunds/deciding.py",
        old="    if second is not None:\n",
        new="    if False:\n",
        test="tests/refunds/test_desk.py::test_a_failed_refund_is_issued_anew_once_and_linked_to_the_first",
    ),
    Mutant(
        name="an-equal-refund-is-not-refused",
        file="src/rtp/refunds/service.py",
        old="    if not request.again:\n",
        new="    if False:\n",
        test=_REFUNDS + "test_one_hundred_equal_refunds_not_meant_again_succeed_once",
    ),
    Mutant(
        name="the-ledger-does-not-check-its-balance",
        file="src/rtp/db/migrations/versions/0003_money.py",
        old="HAVING sum(amount) <> 0 LIMIT 1",
        new="HAVING false LIMIT 1",
        test=_REFUNDS + "test_the_ledger_refuses_a_transaction_that_does_not_balance",
    ),
    Mutant(
        name="a-movement-is-posted-twice",
        file="src/rtp/ledger/service.py",
        old="elif not await frame.once(effect):",
        new="elif False:",
        test="tests/ledger/test_movements.py::test_two_workers_with_one_movement_post_it_once",
    ),
    Mutant(
        name="a-fresh-source-leaves-no-effect",
        file="src/rtp/ledger/service.py",
        old="        frame.add_once(effect)\n",
        new="        pass\n",
        test="tests/ledger/test_movements.py::test_a_source_that_is_wrongly_called_fresh_fails_its_frame",
    ),
    Mutant(
        name="credit-is-not-locked",
        file="src/rtp/ledger/movements.py",
        old="    await repository.lock_credit(frame, user_id)\n",
        new="",
        test="tests/ledger/test_movements.py::test_credit_taken_twice_at_once_never_falls_below_zero",
    ),
    Mutant(
        name="the-database-takes-any-account",
        file="src/rtp/db/migrations/versions/0009_ledger_accounts.py",
        old="CHECK (split_part(account, ':', 1) IN (",
        new="CHECK (account <> '' OR account IN (",
        test="tests/ledger/test_movements.py::test_an_account_that_the_chart_does_not_name_is_refused",
    ),
    Mutant(
        name="access-without-cause-is-not-looked-for",
        file="src/rtp/invariants/rules.py",
        old="(s.id IS NULL OR s.status NOT IN ('trialing', 'active', 'past_due'))",
        new="false",
        test="tests/invariants/test_invariants.py::test_a_planted_break_is_found",
    ),
    Mutant(
        name="a-reused-key-is-not-compared",
        file="src/rtp/db/answers.py",
        old="if row.fingerprint != fingerprint:",
        new="if False:",
        test="tests/users/test_routes.py::test_the_same_key_with_another_body_is_refused",
    ),
    Mutant(
        name="a-plan-is-not-compared-with-what-it-would-do-now",
        file="src/rtp/db/plans.py",
        old="if (digest := frame.digest(result)) != plan.digest:",
        new="if (digest := frame.digest(result)) == '':",
        test="tests/users/test_routes.py::test_a_plan_no_longer_fits_when_the_world_moved",
    ),
    Mutant(
        name="a-cursor-of-another-list-is-taken",
        file="src/rtp/kit/paging.py",
        old="if not hmac.compare_digest(mark, wanted):",
        new="if not mark:",
        test="tests/users/test_routes.py::test_a_cursor_of_another_list_is_refused",
    ),
    Mutant(
        name="the-relay-looks-above-the-horizon",
        file="src/rtp/events/relay.py",
        old="WHERE (xid, seq) > (:xid, :seq) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        new="WHERE (xid, seq) > (:xid, :seq)",
        test="tests/events/test_relay.py::test_a_slow_transaction_with_a_smaller_number_is_not_overtaken",
    ),
    Mutant(
        name="a-settled-payment-may-move-a-subscription-twice",
        file="src/rtp/subscriptions/settling.py",
        old='if held.payment_id != payment.id or held.payment_state != "pending":',
        new="if False:",
        test="tests/subscriptions/test_life.py::test_a_settled_payment_told_twice_moves_the_period_once",
    ),
    Mutant(
        name="an-import-charges-whom-another-import-subscribed",
        file="src/rtp/subscriptions/importing.py",
        old="[asked[held.uuid] for held in added if held.uuid in asked]",
        new="list(asked.values())",
        test="tests/subscriptions/test_routes.py"
        "::test_two_imports_of_the_same_rows_at_once_subscribe_and_charge_each_member_once",
    ),
    Mutant(
        name="a-due-subscription-is-not-locked",
        file="src/rtp/subscriptions/due.py",
        old="held = await repository.find(frame, subscription_id, lock=True)",
        new="held = await repository.find(frame, subscription_id)",
        test="tests/subscriptions/test_life.py::test_two_workers_at_the_same_due_subscriptions_charge_each_once",
    ),
    Mutant(
        name="the-application-may-rewrite-history",
        file="src/rtp/db/migrations/versions/0001_foundation.py",
        old="REVOKE UPDATE, DELETE, TRUNCATE ON events, audit FROM {role};",
        new="",
        test="tests/testing/test_servers.py::test_the_role_of_the_application_cannot_rewrite_what_happened",
    ),
    Mutant(
        name="a-processed-webhook-has-its-effect-again",
        file="src/rtp/webhooks/received.py",
        old="    if before.state not in policy.DUE:\n        return before\n    frame.causation_id",
        new="    frame.causation_id",
        test=_WEBHOOKS + "test_an_event_whose_job_runs_twice_is_processed_once",
    ),
    Mutant(
        name="a-repeated-webhook-is-not-expected",
        file="src/rtp/webhooks/received_repository.py",
        old='    query = query.on_conflict_do_nothing(index_elements=["event_id", "provider"])\n',
        new="",
        test=_WEBHOOKS + "test_twenty_deliveries_at_once_keep_one_event_and_have_one_effect",
    ),
    Mutant(
        name="a-webhook-of-another-amount-is-taken-for-ours",
        file="src/rtp/webhooks/received_effects.py",
        old="return same_ref and subject.amount == ours.amount and ",
        new="return same_ref and ",
        test=_WEBHOOKS + "test_no_event_overrules_what_was_settled_even_when_the_provider_insists[amount]",
    ),
    Mutant(
        name="a-late-webhook-overrules-what-is-settled",
        file="src/rtp/webhooks/received_policy.py",
        old='"known" if ours in _SETTLED and theirs not in _SETTLED else "doubt"',
        new='"known" if ours in _SETTLED and theirs not in _SETTLED else "apply"',
        test="tests/webhooks/test_received_policy.py"
        "::test_an_event_moves_only_what_is_under_way_and_never_what_is_settled",
    ),
    Mutant(
        name="a-forged-webhook-is-taken",
        file="src/rtp/kit/signing.py",
        old="    if not held:\n",
        new="    if False:\n",
        test=_WEBHOOKS + "test_a_forged_message_is_refused_and_leaves_nothing_but_a_count[another secret]",
    ),
    Mutant(
        name="a-stale-webhook-is-taken",
        file="src/rtp/kit/signing.py",
        old="    if abs(int(now.timestamp()) - int(time)) > TOLERANCE_SECONDS:\n",
        new="    if False:\n",
        test=_WEBHOOKS + "test_a_message_is_taken_within_five_minutes_of_its_signature[310-401]",
    ),
    Mutant(
        name="a-test-may-leave-the-machine",
        file="src/rtp/testing/plugin.py",
        old="    close_sockets(monkeypatch)\n",
        new="",
        test="tests/testing/test_pinned.py::test_a_test_cannot_leave_the_machine",
    ),
    Mutant(
        name="the-sandbox-takes-a-key-for-two-requests",
        file="src/rtp/payments/sandbox_book.py",
        old="    if known != request:\n",
        new="    if False:\n",
        test=_CONTRACT + "test_one_key_for_two_charges_is_refused_and_the_first_stands",
    ),
    Mutant(
        name="the-sandbox-returns-disputed-money",
        file="src/rtp/payments/sandbox_money.py",
        old="    if any(one.state in OPEN for one in disputes):\n",
        new="    if False:\n",
        test=_CONTRACT + "test_an_open_dispute_is_listed_and_holds_the_money",
    ),
    Mutant(
        name="the-sandbox-forgets-which-webhooks-were-taken",
        file="src/rtp/payments/sandbox_webhooks.py",
        old="            self._book.record.write(EventsDone(ids=ids, outcome=outcome))\n",
        new="",
        test="tests/payments/test_sandbox_webhooks.py::"
        "test_each_event_is_sent_once_signed_and_holds_the_object_as_it_was",
    ),
    Mutant(
        name="money-without-an-answer-in-time-is-taken-for-not-sent",
        file="src/rtp/payments/guarded.py",
        old="raise ProviderOutcomeUnknown(key=key, why=str(error)) from error",
        new="raise ProviderUnavailable(why=str(error)) from error",
        test=_GUARD + "test_over_http_a_request_that_was_sent_and_not_answered_in_time_is_of_unknown_outcome",
    ),
    Mutant(
        name="questions-are-repeated-without-a-budget",
        file="src/rtp/payments/guarded.py",
        old="return wait if wait < self.left and self._budget.take() else False",
        new="return wait if wait < self.left else False",
        test=_GUARD + "test_of_a_hundred_failing_questions_ten_at_most_are_repeated",
    ),
    Mutant(
        name="a-job-that-was-held-back-gives-up",
        file="server/rtp_server/worker.py",
        old="if not spends_attempt(exception):",
        new="if False:",
        test="tests/breakers/test_waiting_jobs.py"
        "::test_a_job_that_was_held_back_waits_until_the_breaker_lets_a_call_through",
    ),
    Mutant(
        name="being-held-back-spends-an-attempt",
        file="src/rtp/jobs/repository.py",
        old="SET attempts = attempts - 1 WHERE id = :id",
        new="SET attempts = attempts WHERE id = :id",
        test="tests/breakers/test_waiting_jobs.py::test_being_held_back_spends_no_attempt_and_a_failure_does",
    ),
    Mutant(
        name="an-open-breaker-never-lets-a-probe-through",
        file="src/rtp/kit/breaker.py",
        old='state, state == "half_open", None',
        new="state, False, None",
        test="tests/kit/test_breaker.py"
        "::test_7_a_probe_that_succeeds_closes_and_one_that_fails_opens_for_another_30000_ms",
    ),
    Mutant(
        name="a-plan-is-applied-as-often-as-asked",
        file="src/rtp/refund_bulks/service.py",
        old="    if before.saga_id is not None:\n        return await find(frame, key)\n",
        new="    before.state = 'planned'\n",
        test=_BULKS + "test_a_plan_applied_twice_at_once_has_its_effects_once",
    ),
    Mutant(
        name="asking-whether-an-outage-is-over-spends-attempts",
        file="src/rtp/payments/guarded.py",
        old="            if probes and not answered(error):",
        new="            if False:",
        test="tests/breakers/test_waiting_jobs.py::"
        "test_a_job_alone_in_an_outage_spends_one_attempt_however_long_it_lasts",
    ),
    Mutant(
        name="rows-of-a-file-do-not-count-together",
        file="src/rtp/refunds/outlook.py",
        old="        self.issued(amount)\n",
        new="",
        test="tests/refunds/test_bulk_policy.py::test_the_rows_of_a_file_are_held_to_the_planners_limit_together",
    ),
    Mutant(
        name="a-file-is-not-held-to-the-limits-of-who-applies-it",
        file="src/rtp/refund_bulks/service.py",
        old="    await outlook.hold(frame, bulk.totals)\n",
        new="",
        test="tests/refunds/test_bulk_policy.py::"
        "test_the_whole_file_is_held_to_the_limits_of_who_applies_it_before_a_row_moves",
    ),
    Mutant(
        name="a-bulk-does-not-look-at-the-world-again",
        file="src/rtp/refund_bulks/repository.py",
        old='AND p.version IS DISTINCT FROM b.payment_version\n    """\n)\n_MOVED_ROWS',
        new='AND false\n    """\n)\n_MOVED_ROWS',
        test=_BULKS + "test_a_plan_is_refused_when_a_payment_has_changed_and_names_the_rows",
    ),
    Mutant(
        name="a-key-is-taken-once-a-file",
        file="src/rtp/refund_bulks/steps.py",
        old='row.key and f"refund_bulks:{row.key}"',
        new='row.key and f"{key}:{row.key}"',
        test=_BULKS + "test_a_key_is_refunded_once_in_whatever_file_it_comes",
    ),
    Mutant(
        name="a-refused-row-leaves-its-traces",
        file="src/rtp/refund_bulks/steps.py",
        old="async with apart(frame):",
        new="if frame:",
        test=_BULKS + "test_a_row_that_was_refused_does_not_use_its_key_up",
    ),
    Mutant(
        name="a-saga-is-not-fenced",
        file="src/rtp/sagas/spec.py",
        old="if not await repository.holds(frame, self.saga, self.turn):",
        new="if False:",
        test=_SAGAS + "test_a_worker_that_was_taken_for_dead_wakes_up_and_changes_nothing",
    ),
    Mutant(
        name="a-pivot-of-open-outcome-turns-back",
        file="src/rtp/sagas/policy.py",
        old='step.kind == "pivot" and refused and not step.touched',
        new='step.kind == "pivot" and refused',
        test=_SAGAS + "test_a_pivot_whose_outcome_is_open_is_never_taken_for_refused",
    ),
    Mutant(
        name="a-late-success-is-not-looked-for",
        file="src/rtp/sagas/policy.py",
        old='step.state == "done" or (step.state == "failed" and step.touched)',
        new='step.state == "done"',
        test=_SAGAS + "test_a_late_success_of_a_step_that_timed_out_is_found_and_undone",
    ),
    Mutant(
        name="an-unknown-version-is-run-all-the-same",
        file="src/rtp/sagas/engine.py",
        old="definition = definitions.get((kept.name, kept.definition_version))",
        new="definition = next(iter(definitions.values()))",
        test=_SAGAS + "test_a_worker_leaves_a_version_that_it_does_not_know_and_says_so",
    ),
    Mutant(
        name="a-dispute-does-not-stop-refunds",
        file="src/rtp/disputes/service.py",
        old="await payments.note_disputes(frame, payment, open=count, lost=lost)",
        new="await payments.note_disputes(frame, payment, open=0, lost=lost)",
        test=_DISPUTES + "test_an_open_dispute_withholds_its_amount_and_no_refund_is_issued",
    ),
    Mutant(
        name="a-lost-dispute-leaves-its-tax-owed",
        file="src/rtp/disputes/service.py",
        old='tax = await _taken(frame, payment, before) if state == "lost" else before.tax',
        new="tax = before.tax",
        test=_DISPUTES + "test_evidence_is_handed_in_once_and_the_outcome_stands_in_the_books[lost]",
    ),
    Mutant(
        name="an-answer-to-a-dispute-is-sent-under-another-key",
        file="src/rtp/disputes/jobs.py",
        old="told = await provider.accept_dispute(asked.key, asked.ref)",
        new='told = await provider.accept_dispute(f"{asked.key}-{context.trace.span_id}", asked.ref)',
        test=_DISPUTES + "test_an_answer_that_is_lost_is_sent_again_under_its_own_key",
    ),
    Mutant(
        name="a-difference-is-mended-without-a-second-look",
        file="src/rtp/reconciliation/mending.py",
        old="if now is None or policy.digest(now) != policy.digest(found):",
        new="if False:",
        test=_PLANTED + "test_what_was_planned_and_has_changed_since_is_left_alone",
    ),
    Mutant(
        name="what-is-under-way-is-a-difference",
        file="src/rtp/reconciliation/policy.py",
        old="if ours is not None and (ours.busy or ours.touched_at >= until):",
        new="if ours is not None and ours.touched_at >= until:",
        test=_PLANTED + "test_what_a_job_is_about_to_move_is_not_a_difference",
    ),
    Mutant(
        name="what-is-only-here-is-not-looked-for",
        file="src/rtp/reconciliation/comparing.py",
        old="missing = [one for one in rows if",
        new="missing = [one for one in rows[:0] if",
        test=_PLANTED + "test_every_planted_difference_is_found_and_no_other",
    ),
    Mutant(
        name="reconciliation-writes-without-a-plan",
        file="server/rtp_server/reconciling.py",
        old="if not (asked.dry_run or asked.plan):",
        new="if False:",
        test="tests/reconciliation/test_routes.py::test_nothing_is_changed_without_a_plan_and_a_plan_serves_once",
    ),
    Mutant(
        name="a-webhook-that-had-no-effect-yet-is-forgotten",
        file="src/rtp/webhooks/received_repository.py",
        old='received.c.state.in_(["processed", "ignored"]), received.c.id',
        new="received.c.id",
        test="tests/webhooks/test_retention.py::test_what_has_not_had_its_effect_is_kept_however_old_it_is",
    ),
    Mutant(
        name="a-delivery-under-way-is-forgotten",
        file="src/rtp/webhooks/deliveries_repository.py",
        old='deliveries.c.state != "pending", deliveries.c.id <',
        new="deliveries.c.id <",
        test="tests/webhooks/test_retention.py::test_deliveries_go_after_their_own_setting_and_what_is_pending_stays",
    ),
    Mutant(
        name="a-quarter-is-dropped-before-all-of-it-is-old",
        file="src/rtp/db/partitions.py",
        old="if match is None or _next(datetime(int(match[1]), int(match[2]) * 3 - 2, 1, tzinfo=UTC)) > before:",
        new="if match is None or datetime(int(match[1]), int(match[2]) * 3 - 2, 1, tzinfo=UTC) > before:",
        test="tests/telemetry/test_history_ends.py"
        "::test_a_quarter_goes_when_its_last_request_is_too_old_and_not_a_day_before",
    ),
    Mutant(
        name="a-broken-ledger-heals-by-growing-old",
        file="src/rtp/invariants/policy.py",
        old='if state != "ok" or whole_at is None',
        new="if whole_at is None",
        test="tests/invariants/test_reach.py::test_what_is_broken_does_not_heal_by_growing_old",
    ),
    Mutant(
        name="a-look-at-what-is-new-leaves-out-what-it-belongs-to",
        file="src/rtp/ledger/rules.py",
        old="WHERE source IN (SELECT source FROM ledger WHERE id >= :since)",
        new="WHERE id >= :since",
        test="tests/invariants/test_reach.py"
        "::test_a_new_entry_that_breaks_something_old_is_found_by_a_look_at_what_is_new",
    ),
    Mutant(
        name="money-takes-fields-that-it-does-not-know",
        file="src/rtp/kit/money.py",
        old="class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):",
        new="class Money(msgspec.Struct, frozen=True):",
        test="tests/server/test_bodies.py::test_no_type_that_a_body_is_made_of_takes_a_field_that_it_does_not_know",
    ),
    Mutant(
        name="a-dispute-is-answered-at-another-provider",
        file="src/rtp/disputes/jobs.py",
        old="    hold_to(provider, asked.payment, asked.provider)\n",
        new="",
        test=_DISPUTES + "test_a_dispute_is_never_answered_at_a_provider_that_does_not_have_it[accept]",
    ),
    Mutant(
        name="a-refund-forgets-the-tax-that-a-dispute-took",
        file="src/rtp/payments/shares.py",
        old="return line.tax.amount - line.tax_held.amount - line.tax_lost.amount",
        new="return line.tax.amount - line.tax_held.amount",
        test=_DISPUTES + "test_a_refund_after_a_lost_dispute_returns_only_the_tax_that_is_left",
    ),
    Mutant(
        name="a-refund-is-approved-beyond-what-a-dispute-left",
        file="src/rtp/refunds/deciding.py",
        old="    await _refuse_lost(frame, payment, before)\n",
        new="",
        test=_DISPUTES + "test_a_refund_that_waited_while_a_dispute_was_lost_is_not_approved_beyond_what_is_left",
    ),
    Mutant(
        name="what-a-refund-held-is-never-lost",
        file="src/rtp/disputes/losses.py",
        old='        frame.enqueue("disputes.place", lock=payment, payment=payment)\n',
        new="        del payment\n",
        test=_DISPUTES + "test_the_tax_of_what_a_waiting_refund_held_is_lost_once_it_lets_go[1250]",
    ),
    Mutant(
        name="a-late-word-brings-an-old-fee-back",
        file="src/rtp/disputes/service.py",
        old=" and policy.is_news(dispute.state, told.state):",
        new=":",
        test=_DISPUTES + "test_a_fee_that_comes_later_or_is_given_back_is_posted_as_the_difference",
    ),
    Mutant(
        name="what-is-made-by-hand-is-tried-for-days",
        file="src/rtp/webhooks/received.py",
        old='error.params["foreign"] is True',
        new="False",
        test=_WEBHOOKS + "test_an_event_about_what_was_made_by_hand_at_the_provider_is_left_to_reconciliation",
    ),
    Mutant(
        name="what-is-pending-there-is-taken-in",
        file="src/rtp/reconciliation/policy.py",
        old=' and theirs.known and theirs.state == "succeeded":',
        new=" and theirs.known:",
        test=_BY_HAND + "test_what_is_pending_there_is_never_taken_in_for_it_would_be_paid_again",
    ),
    Mutant(
        name="what-was-made-by-hand-is-taken-in-twice",
        file="src/rtp/refunds/adopting.py",
        old="    if (earlier := await known(frame, told.key)) is not None:\n        return earlier\n",
        new="",
        test=_BY_HAND + "test_two_who_take_it_in_at_once_do_it_once",
    ),
    Mutant(
        name="a-difference-is-closed-twice",
        file="src/rtp/reconciliation/closing.py",
        old='    if before.state == "closed":',
        new="    if False:",
        test="tests/reconciliation/test_aside.py::test_nothing_is_closed_twice_without_a_reason_or_where_there_is_nothing",
    ),
    Mutant(
        name="sums-of-one-currency-count-in-another",
        file="src/rtp/refunds/desks.py",
        old="AND currency = :currency AND created_at",
        new="AND created_at",
        test=_POLICY + "test_each_currency_has_sums_of_its_own",
    ),
    Mutant(
        name="two-policies-take-one-version",
        file="src/rtp/refunds/policies.py",
        old="    await desks.one_by_one(frame)\n",
        new="",
        test=_POLICY + "test_policies_that_are_applied_at_once_are_versions_one_after_another",
    ),
    Mutant(
        name="a-pivot-that-was-begun-turns-back",
        file="src/rtp/sagas/policy.py",
        old='step.state in {"running", "done"} for step',
        new='step.state == "done" for step',
        test=_SAGAS + "test_a_pivot_that_was_begun_is_turned_back_neither_by_hand_nor_by_its_deadline",
    ),
    Mutant(
        name="an-attempt-of-the-round-before-is-taken-for-this-one",
        file="src/rtp/webhooks/deliveries.py",
        old="(held.shown.round, held.tries + 1) != (round, attempt)",
        new="held.tries + 1 != attempt",
        test="tests/webhooks/test_deliveries_resent.py"
        "::test_an_attempt_under_way_when_a_message_is_sent_again_is_not_taken_for_the_new_one",
    ),
    Mutant(
        name="an-answer-that-another-replaced-is-sent",
        file="src/rtp/disputes/answering.py",
        old='dispute.answer_state != "queued" or current != number',
        new='dispute.answer_state != "queued"',
        test=_DISPUTES + "test_an_answer_that_the_provider_refuses_can_be_given_anew",
    ),
    Mutant(
        name="a-plan-that-is-over-mends",
        file="server/rtp_server/reconciling.py",
        old="        plans.check(plan, state.frames.clock.now())\n        planned =",
        new="        planned =",
        test="tests/reconciliation/test_routes.py::test_a_plan_of_another_request_or_one_that_is_over_mends_nothing",
    ),
    Mutant(
        name="a-provider-settles-what-another-took",
        file="src/rtp/webhooks/received_effects.py",
        old="and told.event.provider == ours.provider",
        new="",
        test=_WEBHOOKS + "test_a_provider_that_does_not_have_the_payment_moves_nothing_of_it[charge]",
    ),
]
"""The first is the share that runs on every change."""
