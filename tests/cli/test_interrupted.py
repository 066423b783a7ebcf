"""Ctrl-C and SIGTERM while a write is on its way, or waited for: what is true then, and how to learn the rest."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest

from tests.cli.test_waiting import ISSUE, PAYMENT, REFUND, refund

ENDS = pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


def ended(there: Any, peer: Any, method: str, path: str, number: int) -> tuple[int, str]:
    """The command is ended once the server was asked this."""
    running = there.start(*ISSUE, "--quiet", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not any((one.method, one.path) == (method, path) for one in peer.asked):
        assert running.poll() is None, running.stderr.read()
    running.send_signal(number)
    out, said = running.communicate(timeout=30)
    assert out == b""
    return running.returncode, said.decode()


@ENDS
def test_one_that_was_sent_names_the_command_that_repeats_it_as_the_same_intent(
    there: Any, peer: Any, number: int, code: int
) -> None:
    peer.answer("POST", f"/v1/payments/{PAYMENT}/refunds", hang=True)
    left, said = ended(there, peer, "POST", f"/v1/payments/{PAYMENT}/refunds", number)
    [intent] = (there.folder / "config" / "journal").glob("op_*.ndjson")
    assert left == code
    assert "It was sent, and whether it was carried out is not known." in said
    assert f"rtp retry {intent.stem}" in said


@ENDS
def test_one_that_was_accepted_says_so_and_how_to_look_again(there: Any, peer: Any, number: int, code: int) -> None:
    peer.answer("POST", f"/v1/payments/{PAYMENT}/refunds", refund("created"), 201)
    peer.answer("GET", f"/v1/refunds/{REFUND}", refund("submitted"))
    left, said = ended(there, peer, "GET", f"/v1/refunds/{REFUND}", number)
    assert left == code
    assert f"{REFUND} was accepted and goes on; only the waiting ended. Watch it: rtp refunds show {REFUND}" in said
