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


MUTANTS: list[Mutant] = [
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
        name="the-application-may-rewrite-history",
        file="src/rtp/db/migrations/versions/0001_foundation.py",
        old="REVOKE UPDATE, DELETE, TRUNCATE ON events, audit FROM {role};",
        new="",
        test="tests/testing/test_servers.py::test_the_role_of_the_application_cannot_rewrite_what_happened",
    ),
    Mutant(
        name="a-test-may-leave-the-machine",
        file="src/rtp/testing/plugin.py",
        old="    close_sockets(monkeypatch)\n",
        new="",
        test="tests/testing/test_pinned.py::test_a_test_cannot_leave_the_machine",
    ),
]
"""The first is the share that runs on every change."""
