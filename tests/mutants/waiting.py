"""Guards of what waits and is sent again: a retry runs now, nothing is brought twice, who is heard is our own."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        name="the-retry-of-a-received-event-waits-behind-the-planned-attempt",
        file="src/rtp/webhooks/received.py",
        old='    await jobs.withdraw(frame, after.id, "webhooks.process")\n',
        new="",
        test="tests/webhooks/test_received.py::test_a_retry_does_not_wait_until_the_next_attempt_would_have_been",
    ),
    Mutant(
        name="the-retry-of-a-refund-waits-behind-the-planned-attempt",
        file="src/rtp/refunds/deciding.py",
        old='    await jobs.withdraw(frame, refund.id, "refunds.submit", "refunds.reconcile")\n',
        new="",
        test="tests/refunds/test_refunds.py::test_a_retry_does_not_wait_until_the_next_attempt_would_have_been",
    ),
    Mutant(
        name="jobs-of-another-kind-are-withdrawn-with-those-of-one",
        file="src/rtp/jobs/repository.py",
        old=" AND task_name = ANY (:names)",
        new=" AND :names IS NOT NULL",
        test="tests/jobs/test_worker.py"
        "::test_only_jobs_of_the_kind_that_is_queued_anew_are_withdrawn_and_none_that_runs",
    ),
    Mutant(
        name="a-message-that-waits-for-a-slow-endpoint-is-queued-again",
        file="src/rtp/webhooks/deliveries.py",
        old="if held.shown.id not in queued]",
        new="]",
        test="tests/webhooks/test_deliveries.py::test_a_delivery_that_waits_for_long_is_not_queued_twice",
    ),
    Mutant(
        name="what-was-brought-and-forgotten-counts-as-missed",
        file="src/rtp/webhooks/resending.py",
        old="    await _refuse_forgotten(frame, found, since)\n",
        new="",
        test="tests/webhooks/test_retention.py::test_what_was_brought_and_forgotten_is_not_taken_for_missed",
    ),
    Mutant(
        name="a-listener-whose-report-was-lost-forwards-again",
        file="commands/rtp_commands/webhooks_listen.py",
        old="            if not self.untold:\n",
        new="            if True:\n",
        test="tests/webhooks/test_listen.py::test_what_a_handler_took_while_the_api_died_is_not_forwarded_again",
    ),
    Mutant(
        name="the-worker-of-another-instance-is-heard-for-ours",
        file="src/rtp/jobs/repository.py",
        old="id = ANY (CAST(:workers AS bigint[])) AS own",
        new="CAST(:workers AS bigint[]) IS NOT NULL AS own",
        test="tests/jobs/test_worker.py"
        "::test_doctor_tells_of_a_worker_that_gives_no_sign_of_life_whoever_else_works_on_the_same_database",
    ),
]
