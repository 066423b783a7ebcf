"""The command that is named as the next one is a command, and does what it is said to do."""

from __future__ import annotations

from typing import Any

import pytest

from rtp_commands.screen import STARTERS

DISPUTE = "dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F"


def test_evidence_with_parts_of_our_own_is_handed_in_with_them(there: Any, peer: Any) -> None:
    pack = {"dispute_id": DISPUTE, "parts": {"order": "1 x room"}, "length": 8, "limit": 20_000}
    peer.answer("GET", f"/v1/disputes/{DISPUTE}/evidence", pack)
    (there.folder / "our parts.json").write_text('{"terms": "as agreed"}')
    done = there("disputes", "evidence", DISPUTE, "--file", "our parts.json")
    assert done.stderr.endswith(f"rtp disputes evidence {DISPUTE} --file 'our parts.json' --submit\n")


STANDS_FOR = {"E-MAIL": "ada@example.com", "PAYMENT": "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F"}


@pytest.mark.parametrize("line", [line for _, line, _, ready in STARTERS if ready])
def test_each_command_that_the_first_page_names_is_one(there: Any, line: str) -> None:
    words = [STANDS_FOR.get(word, word) for word in line.split()[1:]]
    assert there(*words).returncode != 2
