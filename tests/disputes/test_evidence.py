"""The evidence pack: what is known of the order, the access, the terms and what was written; and parts of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtp.disputes import evidence
from rtp.disputes.errors import EvidenceTooLong
from rtp.disputes.schemas import EVIDENCE_LIMIT
from rtp_commands.disputes import _parts
from rtp_commands.errors import Usage
from tests.disputes.objections import Objections
from tests.refunds.desk import ADA


async def test_the_pack_tells_of_order_access_terms_and_notes_and_changes_nothing(desk: Objections) -> None:
    subscription, payment = await desk.subscribed()
    await desk.do(f"users/{ADA}/notes", {"text": "Asked how to read the alerts."})
    key = await desk.object(payment)
    before = await desk.read(f"disputes/{key}")
    pack = await desk.read(f"disputes/{key}/evidence")
    parts = pack["parts"]
    assert set(parts) == {"order", "access_log", "terms", "correspondence"}
    assert payment.id in parts["order"]
    assert "visa ending 4242" in parts["order"]
    assert ADA in parts["order"]
    assert parts["access_log"].startswith("room: open now (active)")
    assert "opened" in parts["access_log"]
    assert subscription["id"] in parts["terms"]
    assert "100.00 USD every month" in parts["terms"]
    assert parts["correspondence"].endswith("Asked how to read the alerts.")
    assert pack["length"] == sum(map(len, parts.values()))
    assert await desk.read(f"disputes/{key}") == before


def test_a_pack_may_be_as_long_as_a_provider_takes_and_no_longer() -> None:
    evidence.hold_limit({"a": "x" * (EVIDENCE_LIMIT - 1), "b": "y"})
    with pytest.raises(EvidenceTooLong):
        evidence.hold_limit({"a": "x" * EVIDENCE_LIMIT, "b": "y"})


async def test_a_part_that_is_too_long_says_how_much_it_leaves_out(desk: Objections) -> None:
    _, payment = await desk.subscribed()
    for number in range(12):
        await desk.do(f"users/{ADA}/notes", {"text": f"{number}: " + "x" * 900})
    pack = await desk.read(f"disputes/{await desk.object(payment)}/evidence")
    assert pack["parts"]["correspondence"].endswith("(8 more lines are left out)")
    assert pack["length"] <= pack["limit"]


def test_a_file_gives_parts_by_name_or_one_statement(tmp_path: Path) -> None:
    named, plain = tmp_path / "ours.json", tmp_path / "ours.txt"
    named.write_text('{"terms": "our own"}')
    plain.write_text("She trained daily.\n")
    assert _parts(named) == {"terms": "our own"}
    assert _parts(plain) == {"statement": "She trained daily."}


@pytest.mark.parametrize("name, content", [("a.json", "[]"), ("a.json", "{"), ("a.txt", ""), ("a.txt", "x" * 20_001)])
def test_a_file_that_is_no_evidence_is_refused_before_anything_is_sent(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(Usage):
        _parts(tmp_path / name)
    with pytest.raises(Usage):
        _parts(tmp_path / "not there")
