"""A file of refunds that is not one, and results that cannot be written: told before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtp.refund_bulks.schemas import Bulk
from tests.cli.test_prompts import planned
from tests.cli.test_writes import on_a_terminal

PAYMENT = "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
BULK = "bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
ROW = f"{PAYMENT},1.50,goodwill"


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "refunds.csv is empty; its first line names the columns"),
        (bytes(range(256)), "refunds.csv is no text in UTF-8"),
        (f"payment,amount,reason\n{ROW}\n".encode("utf-16"), "refunds.csv is no text in UTF-8"),
        (b"payment,amount,reason\npay_1\n", "line 2 has 1 column, and the heading has 3"),
        (f"payment;amount;reason\n{ROW}\n".encode(), "a comma stands between two columns"),
    ],
)
def test_a_file_that_is_no_csv_of_refunds_is_told_in_words_before_it_is_sent(
    there: Any, peer: Any, content: bytes, said: str
) -> None:
    (there.folder / "refunds.csv").write_bytes(content)
    done = there("refunds", "bulk", "plan", "refunds.csv")
    assert (done.returncode, peer.writes()) == (2, [])
    assert said in done.stderr
    assert "\\" not in done.stderr
    assert "Nothing was sent." in done.stderr


def test_a_row_that_is_broken_further_down_does_not_say_that_nothing_was_sent(there: Any, peer: Any) -> None:
    made = dict.fromkeys(field.name for field in msgspec.structs.fields(Bulk))
    made |= dict.fromkeys(("rows", "accepted", "refused", "done", "failed", "canceled", "waiting", "left"), 0)
    made |= dict.fromkeys(("total", "digest", "error", "created_by", "applied_by", "planner", "warning"), "")
    made |= {name: [] for name in ("totals", "moved", "max_totals", "limits")}
    made |= {"batches": 0, "approvals": 0, "version": 1, "canceling": False, "created_at": "2026-11-01T12:00:00Z"}
    peer.answer("POST", "/v1/refund-bulks", made | {"id": BULK, "state": "draft", "file": "refunds.csv"}, 201)
    (there.folder / "refunds.csv").write_text(f"payment,amount,reason\n{ROW}\n{ROW},too,much\n")
    done = there("refunds", "bulk", "plan", "refunds.csv")
    assert (done.returncode, len(peer.writes())) == (2, 1), done.stderr
    assert "line 3 has 5 columns" in done.stderr
    assert "Nothing was refunded: a file that is broken anywhere becomes no plan." in done.stderr


@pytest.mark.parametrize("words", [("plan", "refunds.csv"), ("apply", BULK)], ids=["plan", "apply"])
def test_results_that_cannot_be_written_are_refused_before_any_money_moves(
    there: Any, peer: Any, words: tuple[str, str]
) -> None:
    (there.folder / "refunds.csv").write_text(f"payment,amount,reason\n{ROW}\n")
    done = there("refunds", "bulk", *words, "--results", "no/such/folder.csv")
    assert done.returncode == 2
    assert "--results: no/such/folder.csv cannot be written" in done.stderr
    assert peer.asked == []


def test_on_a_terminal_the_rows_that_were_checked_are_counted_in_a_line_of_their_own(there: Any, peer: Any) -> None:
    bulk = planned()
    peer.answer("POST", "/v1/refund-bulks", bulk | {"state": "draft"}, 201)
    peer.answer("POST", f"/v1/refund-bulks/{BULK}/rows", {"accepted": 2, "refused": []})
    peer.answer("POST", f"/v1/refund-bulks/{BULK}/plan", bulk)
    (there.folder / "refunds.csv").write_text(f"payment,amount,reason\n{ROW}\n{ROW}\n")
    there.env.pop("NO_COLOR", None)
    ended, text = on_a_terminal(there, ["refunds", "bulk", "plan", "refunds.csv"], "")
    assert ended == 0, text
    assert [line.strip() for line in text.splitlines() if "checked" in line] == ["2 rows checked"]
