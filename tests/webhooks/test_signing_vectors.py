"""Our signer and verifier against the published vectors, and against the library of those who published them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from rtp.kit import signing, signing_v1a
from rtp.webhooks import schedule
from rtp.webhooks.sending import Answered
from tests.vectors.reading import vectors

CASES = vectors("refunds/webhooks.json")


def with_(*names: str) -> list[Any]:
    """The cases whose expectation has just these names."""
    return [
        pytest.param(case["given"], case["expect"], id=case["id"])
        for case in CASES
        if set(case["expect"]) == set(names)
    ]


def headers(given: dict[str, Any]) -> dict[str, str]:
    return {
        "webhook-id": given["id"],
        "webhook-timestamp": str(given["timestamp"]),
        "webhook-signature": given["signature"],
    }


def test_every_case_is_run_here() -> None:
    shapes = (("signature",), ("public", "signature"), ("valid",), ("offsets",), ("state", "disables"))
    assert sum(len(with_(*shape)) for shape in shapes) == len(CASES) > 30


@pytest.mark.parametrize("given,expect", with_("signature"))
def test_a_message_is_signed_as_published(given: dict[str, Any], expect: dict[str, Any]) -> None:
    made = signing.headers(given["secrets"], given["id"], given["timestamp"], given["body"].encode())
    assert made == headers({**given, **expect})


@pytest.mark.parametrize("given,expect", with_("public", "signature"))
def test_a_message_is_signed_by_ed25519(given: dict[str, Any], expect: dict[str, Any]) -> None:
    private = bytes.fromhex(given["private"])
    assert signing_v1a.public_of(private) == expect["public"]
    assert signing_v1a.sign(private, given["id"], given["timestamp"], given["body"].encode()) == expect["signature"]


@pytest.mark.parametrize("given,expect", [case for case in with_("valid") if "secret" not in case.values[0]])
def test_a_message_is_taken_or_not(given: dict[str, Any], expect: dict[str, Any]) -> None:
    now = datetime.fromtimestamp(given["now"], UTC)
    try:
        signing.verify(given["secrets"], headers(given), given["body"].encode(), now)
        valid = True
    except (signing.Forged, signing.Stale):
        valid = False
    assert valid is expect["valid"]


@pytest.mark.parametrize("given,expect", [case for case in with_("valid") if "secret" in case.values[0]])
def test_a_secret_has_24_to_64_bytes(given: dict[str, Any], expect: dict[str, Any]) -> None:
    try:
        signing.key_of(given["secret"])
        valid = True
    except ValueError:
        valid = False
    assert valid is expect["valid"]


@pytest.mark.parametrize("given,expect", with_("offsets"))
def test_attempts_follow_the_published_schedule_and_then_end(given: dict[str, Any], expect: dict[str, Any]) -> None:
    class Least(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return a

    at, offsets = 0.0, [0.0]
    for attempt in range(1, given["attempts"]):
        wait = schedule.wait(attempt, Least())
        assert wait is not None
        at += wait
        offsets.append(at)
    assert offsets == expect["offsets"]
    assert schedule.wait(given["attempts"], Least()) is None


@pytest.mark.parametrize("given,expect", with_("state", "disables"))
def test_an_answer_decides_what_follows(given: dict[str, Any], expect: dict[str, Any]) -> None:
    answered = Answered(given["status"], 1)
    assert schedule.state_after(1, answered.status, answered.taken) == expect["state"]
    assert schedule.is_gone(answered.status) is expect["disables"]


@given(st.integers(1, 9), st.integers())
def test_jitter_only_lengthens_a_wait_and_by_a_tenth_at_most(attempt: int, seed: int) -> None:
    wait = schedule.wait(attempt, random.Random(seed))
    assert wait is not None
    assert schedule.WAITS[attempt - 1] <= wait <= schedule.WAITS[attempt - 1] * 1.1


@given(st.binary(min_size=24, max_size=64), st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1), st.text())
def test_the_publishers_own_library_takes_what_we_sign_and_refuses_what_was_changed(
    key: bytes, id: str, body: str
) -> None:
    secret, at = signing.secret_of(key), int(datetime.now(UTC).timestamp())
    sent = signing.headers([signing.new_secret(), secret], id, at, body.encode())
    theirs = Webhook(secret)
    theirs.verify(body, sent, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        theirs.verify(body + " ", sent, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        theirs.verify(body, sent | {"webhook-id": f"{id}_"}, json_parse=False)


@given(st.binary(min_size=24, max_size=64), st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1), st.text())
def test_we_take_what_the_publishers_own_library_signs(key: bytes, id: str, body: str) -> None:
    secret, now = signing.secret_of(key), datetime.now(UTC)
    signature = Webhook(secret).sign(id, now, body)
    sent = headers({"id": id, "timestamp": int(now.timestamp()), "signature": signature})
    assert signing.verify([secret], sent, body.encode(), now) == id
