"""Signed messages: the published vector, and each way in which a message is not what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rtp.kit import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = signing.secret_of(b"another secret of some bytes")
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(TIME, UTC)


def signed(**changed: str) -> dict[str, str]:
    return {"webhook-id": ID, "webhook-timestamp": str(TIME), "webhook-signature": SIGNATURE} | {
        name.replace("_", "-"): value for name, value in changed.items()
    }


def test_the_published_vector_of_standard_webhooks_is_met() -> None:
    assert signing.sign(SECRET, ID, TIME, BODY) == SIGNATURE
    assert signing.sign(SECRET.removeprefix("whsec_"), ID, TIME, BODY) == SIGNATURE
    assert signing.headers([SECRET], ID, TIME, BODY) == signed()
    assert signing.verify([SECRET], signed(), BODY, NOW) == ID


@pytest.mark.parametrize("body", [b'{"test":2432232314}', BODY + b"\n", BODY[:-1], b"", BODY.replace(b"4", b"5", 1)])
def test_a_body_with_one_byte_changed_is_forged(body: bytes) -> None:
    with pytest.raises(signing.Forged):
        signing.verify([SECRET], signed(), body, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_id": "msg_other"},
        {"webhook_id": ""},
        {"webhook_id": f"{ID}.1"},
        {"webhook_timestamp": str(TIME + 1)},
        {"webhook_timestamp": "now"},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": f"{TIME}.0"},
        {"webhook_timestamp": f"-{TIME}"},
        {"webhook_signature": ""},
        {"webhook_signature": SIGNATURE.removeprefix("v1,")},
        {"webhook_signature": SIGNATURE.replace("v1,", "v2,")},
        {"webhook_signature": SIGNATURE.replace("g0", "h0")},
        {"webhook_signature": SIGNATURE[:-1]},
        {"webhook_signature": "v1,schlüssel"},
    ],
)
def test_headers_that_do_not_fit_are_forged(changed: dict[str, str]) -> None:
    with pytest.raises(signing.Forged):
        signing.verify([SECRET], signed(**changed), BODY, NOW)


def test_without_headers_or_without_secrets_nothing_holds() -> None:
    with pytest.raises(signing.Forged):
        signing.verify([SECRET], {}, BODY, NOW)
    with pytest.raises(signing.Forged):
        signing.verify([], signed(), BODY, NOW)


def test_a_dot_cannot_move_from_one_part_to_the_next() -> None:
    with pytest.raises(ValueError, match="without a dot"):
        signing.sign(SECRET, "msg.1", TIME, BODY)


@pytest.mark.parametrize("seconds", [301, -301, 86_400])
def test_a_message_more_than_300_seconds_away_is_stale(seconds: int) -> None:
    with pytest.raises(signing.Stale):
        signing.verify([SECRET], signed(), BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [0, 300, -300, 299.9])
def test_a_message_at_most_300_seconds_away_holds(seconds: float) -> None:
    assert signing.verify([SECRET], signed(), BODY, NOW + timedelta(seconds=seconds)) == ID


def test_an_old_message_that_nobody_signed_is_forged_and_not_stale() -> None:
    with pytest.raises(signing.Forged):
        signing.verify([OTHER], signed(), BODY, NOW + timedelta(days=1))


def test_while_a_secret_is_exchanged_both_hold_on_either_side() -> None:
    assert signing.verify([OTHER, SECRET], signed(), BODY, NOW) == ID
    both = signing.headers([OTHER, SECRET], ID, TIME, BODY)
    assert len(both["webhook-signature"].split()) == 2
    for secret in (OTHER, SECRET):
        assert signing.verify([secret], both, BODY, NOW) == ID


def test_a_signature_of_another_version_is_passed_over() -> None:
    both = signed(webhook_signature=f"v1a,AAAA {SIGNATURE} v9,x")
    assert signing.verify([SECRET], both, BODY, NOW) == ID


def test_header_names_are_found_however_they_are_written() -> None:
    shouted = {name.upper(): value for name, value in signed().items()}
    assert signing.verify([SECRET], shouted, BODY, NOW) == ID


def test_a_new_secret_has_32_bytes_and_is_never_the_same() -> None:
    first, second = signing.new_secret(), signing.new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(signing.key_of(first)) == 32


@pytest.mark.parametrize("secret", ["whsec_%%%", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 88])
def test_a_secret_of_the_wrong_form_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret") as refused:
        signing.key_of(secret)
    assert secret not in str(refused.value)
