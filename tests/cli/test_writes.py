"""Writes: planned, asked for, journalled before they are sent, sent once, and repeated only as the same intent."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

SHOW, SUSPEND = "/v1/users/ada@example.com", "/v1/users/ada@example.com/suspend"
ADA = "ada@example.com"


@pytest.fixture
def suspend(peer: Any, made: Any) -> Any:
    """A server that suspends, and that plans it when asked for a dry run."""
    peer.answers["POST", SUSPEND] = lambda asked: (
        made(202, body=made.plan) if asked.query.get("dry_run") == "true" else made(200, body=made.user)
    )
    return peer


def journal(rtp: Any) -> list[Path]:
    return sorted((rtp.folder / "config" / "journal").glob("op_*.ndjson"))


def test_a_write_carries_its_key_its_reason_and_a_trace(there: Any, suspend: Any) -> None:
    done = there("users", "suspend", ADA, "--reason", "under review")
    assert done.returncode == 0, done.stderr
    [sent] = suspend.writes()
    assert sent.query == {"reason": "under review"}
    assert sent.headers["idempotency-key"] == journal(there)[0].stem
    assert sent.headers["traceparent"].startswith("00-")
    assert sent.headers["authorization"] == "Bearer rtp_secret"
    assert "undo: rtp users restore ada@example.com" in done.stderr


def test_an_own_key_is_sent_as_it_is(there: Any, suspend: Any) -> None:
    there("users", "suspend", ADA, "--idempotency-key", "mine-1")
    assert suspend.writes()[0].headers["idempotency-key"] == "mine-1"


def test_the_intent_is_on_disk_and_private_before_it_is_sent(there: Any, peer: Any, made: Any) -> None:
    seen: list[dict[str, Any]] = []

    def answer(asked: Any) -> Any:
        [file] = journal(there)
        seen.append(json.loads(file.read_text()) | {"mode": stat.S_IMODE(file.stat().st_mode)})
        return made(200, body=made.user)

    peer.answers["POST", SUSPEND] = answer
    assert there("users", "suspend", ADA, "--reason", "r").returncode == 0
    assert seen[0]["key"] == peer.writes()[0].headers["idempotency-key"]
    assert (seen[0]["operation"], seen[0]["query"], seen[0]["mode"]) == ("users.suspend", {"reason": "r"}, 0o600)
    assert "rtp_secret" not in journal(there)[0].read_text()


def test_a_process_killed_between_journal_and_answer_is_retried_as_the_same_intent(
    there: Any, peer: Any, made: Any
) -> None:
    peer.answer("POST", SUSPEND, hang=True)
    process = there.start("users", "suspend", ADA, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    made.until(peer.writes)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    [entry] = there.json("history")
    assert (entry["state"], entry["operation"]) == ("sent", "users.suspend")
    peer.answer("POST", SUSPEND, made.user, headers={"Idempotency-Replayed": "true"})
    done = there("retry", entry["id"], "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["email"] == ADA
    assert "Replayed" in done.stderr
    first, second = peer.writes()
    assert (first.headers["idempotency-key"], first.body, first.query) == (
        second.headers["idempotency-key"],
        second.body,
        second.query,
    )
    assert there.json("history")[0]["state"] == "done"


def test_a_lost_answer_exits_9_and_names_the_retry(there: Any, peer: Any, made: Any) -> None:
    peer.answer("POST", "/v1/users", drop=True)
    done = there("users", "create", "grace@example.com", "--name", "Grace Hopper")
    [op_id] = [file.stem for file in journal(there)]
    assert (done.returncode, done.stdout) == (9, "")
    assert f"Next: rtp retry {op_id}" in done.stderr
    assert there.json("history")[0]["state"] == "unknown"
    peer.answer("POST", "/v1/users", made.user, 201)
    assert there("retry", op_id).returncode == 0
    lost, repeated = peer.writes()
    assert lost.json() == repeated.json() == {"email": "grace@example.com", "name": "Grace Hopper", "timezone": "UTC"}


def test_a_write_that_is_not_answered_in_time_is_unknown_and_a_read_is_a_timeout(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, hang=True)
    peer.answer("GET", SHOW, hang=True)
    assert there("users", "suspend", ADA, "--timeout", "0.2").returncode == 9
    assert there("users", "show", ADA, "--timeout", "0.2").returncode == 14


def test_a_5xx_that_no_rtp_server_gave_leaves_a_write_unknown(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, {"error": "bad gateway"}, 502)
    assert there("users", "suspend", ADA).returncode == 9


def test_a_server_that_is_not_there_exits_13_and_nothing_was_sent(rtp: Any) -> None:
    done = rtp("users", "suspend", ADA, RTP_URL="http://127.0.0.1:9", RTP_TOKEN="x")
    assert done.returncode == 13
    assert "Nothing was sent" in done.stderr
    assert rtp("users", "list").returncode == 13


def test_a_write_is_never_sent_twice_by_itself(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, drop=True)
    there("users", "suspend", ADA)
    assert len(peer.writes()) == 1


def test_an_intent_goes_only_to_the_server_it_was_meant_for(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, drop=True)
    there("users", "suspend", ADA)
    done = there("retry", journal(there)[0].stem, RTP_URL="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "was meant for" in done.stderr


def test_retry_of_something_unknown_or_of_another_kind_says_so(there: Any) -> None:
    assert there("retry", "op_01K8X3Z6Q4V8N2M5T7R9W1Y3B6").returncode == 5
    done = there("retry", "usr_38G54Q4EBXYTQ")
    assert done.returncode == 2
    assert "user id" in done.stderr


def test_without_a_journal_nothing_is_sent(there: Any, suspend: Any) -> None:
    (there.folder / "config").mkdir()
    (there.folder / "config" / "journal").write_text("a file where a folder should be")
    done = there("users", "suspend", ADA)
    assert done.returncode == 1
    assert "Nothing was sent" in done.stderr
    assert suspend.writes() == []


def test_a_dry_run_prints_the_plan_and_leaves_no_intent(there: Any, suspend: Any) -> None:
    done = there("users", "suspend", ADA, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "active → suspended" in done.stdout
    assert "undo: rtp users restore ada@example.com" in done.stdout
    assert "rtp users suspend --plan plan_01M82JBJ04FCP9T6B4JW1RNYHP" in done.stderr
    assert (suspend.writes(), journal(there)) == ([], [])


def test_a_plan_in_json_says_whether_what_it_would_do_is_final_and_else_what_undoes_it(
    there: Any, suspend: Any, peer: Any, made: Any
) -> None:
    planned = there.json("users", "suspend", ADA, "--dry-run")
    assert (planned["id"], planned["final"]) == (made.plan["id"], False)
    assert planned["undo"] == "rtp users restore ada@example.com"
    peer.answer("GET", f"/v1/plans/{made.plan['id']}", made.plan)
    shown = there.json("plans", "show", made.plan["id"])
    assert (shown["id"], shown["final"], shown["undo"]) == (made.plan["id"], False, "rtp users restore USER")
    peer.answer("GET", f"/v1/plans/{made.plan['id']}", made.plan | {"operation": "refunds.issue"})
    refund = there.json("plans", "show", made.plan["id"])
    assert (refund["final"], refund["undo"]) == (True, None)
    peer.answers["POST", "/v1/users/ada@example.com/notes"] = made(202, body=made.plan)
    note = there.json("users", "note", ADA, "vip", "--dry-run")
    assert (note["final"], note["undo"]) == (True, None)


def test_a_dry_run_that_would_change_nothing_names_no_way_to_carry_it_out(there: Any, peer: Any, made: Any) -> None:
    peer.answers["POST", SUSPEND] = made(202, body=made.plan | {"changes": []})
    done = there("users", "suspend", ADA, "--dry-run")
    assert done.stdout.endswith("nothing would change\n")
    assert done.stderr == "Nothing was changed. There is nothing to carry out.\n"


def test_a_dry_run_tells_no_field_that_stays_blank_or_reads_the_same(there: Any, peer: Any, made: Any) -> None:
    before = {"id": "usr_1", "reason": "", "left_at": None, "note": "vip", "at": "2026-11-01T12:00:00Z"}
    after = {"id": "usr_1", "reason": "late", "left_at": "", "note": None, "at": "2026-11-01T12:00:01Z"}
    change = {"type": "user.suspended", "target": "usr_1", "before": before, "after": after}
    created = {"type": "note.created", "target": "note_1", "after": {"id": "note_1", "tags": [], "text": "hi"}}
    peer.answers["POST", SUSPEND] = made(202, body=made.plan | {"changes": [change, created]})
    lines = there("users", "suspend", ADA, "--dry-run").stdout.splitlines()[2:-1]
    assert [line.split() for line in lines] == [
        ["user.suspended", "usr_1"], ["reason", "-", "→", "late"], ["note", "vip", "→", "-"],
        ["note.created", "note_1"], ["id", "note_1"], ["text", "hi"],
    ]  # fmt: skip


def test_a_dry_run_of_a_verb_of_two_words_names_both_in_the_command_that_carries_it_out(
    there: Any, peer: Any, made: Any
) -> None:
    peer.answers["DELETE", "/v1/webhooks/endpoints/we_01J9ZK3V5W8X2Y4A6B7C8D9E0F"] = made(202, body=made.plan)
    done = there("webhooks", "endpoints", "delete", "we_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "--dry-run")
    assert f"To carry it out: rtp webhooks endpoints delete --plan {made.plan['id']}" in done.stderr


def test_a_plan_alone_is_applied_by_its_id(there: Any, peer: Any, made: Any) -> None:
    plan = made.plan["id"]
    peer.answer("GET", f"/v1/plans/{plan}", made.plan)
    peer.answer("POST", f"/v1/plans/{plan}/apply", made.user)
    assert there("users", "suspend", "--plan", plan).returncode == 0
    [sent] = peer.writes()
    assert (sent.path, sent.body) == (f"/v1/plans/{plan}/apply", b"")


def test_a_plan_of_another_command_is_not_carried_out(there: Any, peer: Any, made: Any) -> None:
    peer.answer("GET", f"/v1/plans/{made.plan['id']}", made.plan)
    done = there("users", "restore", "--plan", made.plan["id"])
    assert done.returncode == 6
    assert peer.writes() == []


def test_a_plan_with_the_whole_command_is_sent_with_it(there: Any, suspend: Any, made: Any) -> None:
    assert there("users", "suspend", ADA, "--plan", made.plan["id"]).returncode == 0
    assert suspend.writes()[0].query == {"plan": made.plan["id"]}


def test_a_plan_with_half_a_command_is_a_usage_mistake(there: Any, peer: Any, made: Any) -> None:
    done = there("users", "create", ADA, "--plan", made.plan["id"])
    assert done.returncode == 2
    assert "name" in done.stderr
    assert peer.asked == []


def test_off_a_terminal_a_write_on_prod_wants_yes(there: Any, suspend: Any) -> None:
    suspend.environment = "prod"
    done = there("users", "suspend", ADA)
    assert done.returncode == 2
    assert f"Next: rtp users suspend {ADA} --yes" in done.stderr
    assert suspend.writes() == []
    assert there("users", "suspend", ADA, "--yes").returncode == 0


def test_yes_never_skips_a_severe_check(there: Any, peer: Any, made: Any) -> None:
    peer.environment = "prod"
    peer.answer("POST", f"/v1/staff/{ADA}/disable", made.staff)
    refused = there("staff", "disable", ADA, "--yes")
    assert (refused.returncode, peer.writes()) == (2, [])
    assert f"--confirm {ADA}" in refused.stderr
    assert there("staff", "disable", ADA, "--confirm", "someone@example.com").returncode == 2
    assert peer.writes() == []
    assert there("staff", "disable", ADA, "--confirm", ADA).returncode == 0


def test_on_dev_nothing_is_asked(there: Any, suspend: Any) -> None:
    assert there("users", "suspend", ADA).returncode == 0


@pytest.mark.parametrize("typed, code, sent", [("y\n", 0, 1), ("n\n", 2, 0), ("\n", 2, 0)])
def test_on_a_terminal_prod_shows_the_plan_asks_and_carries_out_that_plan(
    there: Any, suspend: Any, made: Any, typed: str, code: int, sent: int
) -> None:
    suspend.environment = "prod"
    ended, text = on_a_terminal(there, ["users", "suspend", ADA], typed)
    assert "    status  active → suspended\r\n" in text, "each line on one of its own"
    assert "Go on? [y/N]" in text
    assert ended == code
    assert [one.query for one in suspend.writes()] == [{"plan": made.plan["id"]}] * sent


@pytest.mark.parametrize(
    "typed, code, said", [("\x03", 130, "Interrupted."), ("\x04", 2, "Error: It was not confirmed.")]
)
def test_ctrl_c_and_ctrl_d_at_the_question_change_nothing_and_say_so(
    there: Any, suspend: Any, typed: str, code: int, said: str
) -> None:
    suspend.environment = "prod"
    ended, text = on_a_terminal(there, ["users", "suspend", ADA], typed)
    lines = [line.strip() for line in text.partition("[y/N]")[2].splitlines()]
    assert (ended, suspend.writes()) == (code, [])
    assert {said, "Nothing was changed."} <= set(lines), text


def test_sigterm_exits_143(there: Any, peer: Any, made: Any) -> None:
    peer.answer("GET", SHOW, hang=True)
    process = there.start("users", "show", ADA, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    made.until(lambda: peer.asked)
    process.terminate()
    process.communicate()
    assert process.returncode == 143


def test_a_refusal_is_told_in_four_parts_or_as_json(there: Any, peer: Any) -> None:
    problem = {
        "code": "refund_exceeds_captured",
        "detail": "60.00 USD is more than the 50.00 USD that remain",
        "still": "Nothing was refunded.",
        "hint": "rtp refunds issue pay_1 --amount 50.00",
        "exit_code": 7,
        "retryable": False,
        "request_id": "req-9",
        "params": {"left": {"amount": 5000, "currency": "USD"}},
    }
    peer.answer("POST", SUSPEND, problem, 422, media="application/problem+json")
    done = there("users", "suspend", ADA)
    assert (done.returncode, done.stdout) == (7, "")
    positions = [done.stderr.index(problem[part]) for part in ("detail", "still", "hint", "request_id")]
    assert positions == sorted(positions)
    machine = there("users", "suspend", ADA, "-o", "json")
    error = json.loads(machine.stderr)["error"]
    assert {"code", "message", "detail", "hint", "retryable", "request_id"} <= error.keys()
    assert (error["code"], error["request_id"], machine.stdout) == ("refund_exceeds_captured", "req-9", "")


def test_a_usage_mistake_is_json_too_when_json_was_asked_for(there: Any) -> None:
    done = there("users", "show", "-o", "json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == "usage"


@pytest.mark.parametrize("value, why", [("\udcff", "UTF-8"), ("pay_01M82JBJ04FCP9T6B4JW1RNYHP", "payment id")])
def test_what_cannot_be_sent_or_is_another_kind_of_id_is_refused_here(
    there: Any, peer: Any, value: str, why: str
) -> None:
    done = there("users", "note", value, "x")
    assert done.returncode == 2
    assert why in done.stderr
    assert peer.asked == []


def on_a_terminal(rtp: Any, words: list[str], typed: str, question: bytes = b"[y/N]") -> tuple[int, str]:
    """Run a command on a pseudo terminal, type once it asks, and give its exit code and all it showed."""
    master, slave = pty.openpty()
    process = rtp.start(
        *words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=claim(slave)
    )
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 30)[0]:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        asked_before = question in shown
        shown += chunk
        if question in shown and not asked_before:
            os.write(master, typed.encode())
    os.close(master)
    return process.wait(30), shown.decode()


def claim(slave: int) -> Any:
    """Make the pseudo terminal the controlling one, so that Ctrl-C reaches the process."""
    import fcntl
    import termios

    return lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
