"""Signatures by Ed25519: made, checked, and refused when anything differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rtp.kit import signing_v1a
from rtp.kit.signing import Forged, Stale

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
BODY = b'{"test": 2432232314}'
PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
"""The secret key of test 2 in RFC 8032 §7.1."""


def test_the_public_key_is_the_one_of_rfc_8032() -> None:
    assert signing_v1a.public_of(PRIVATE) == "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="


def test_what_was_signed_is_known_by_the_public_key() -> None:
    headers = signing_v1a.headers([PRIVATE], "evt_1", SECONDS, BODY)
    assert headers["webhook-signature"].startswith("v1a,")
    assert signing_v1a.verify([signing_v1a.public_of(PRIVATE)], headers, BODY, NOW) == "evt_1"


def test_each_of_two_keys_is_enough_while_they_overlap() -> None:
    other = signing_v1a.new_private()
    headers = signing_v1a.headers([other, PRIVATE], "evt_1", SECONDS, BODY)
    for private in (other, PRIVATE):
        assert signing_v1a.verify([signing_v1a.public_of(private)], headers, BODY, NOW) == "evt_1"


@pytest.mark.parametrize(
    "header,value",
    [
        ("webhook-id", "evt_2"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(SECONDS + 1)),
        ("webhook-timestamp", "now"),
        ("webhook-signature", "v1a,AAAA"),
        ("webhook-signature", "v1a,?"),
        ("webhook-signature", ""),
    ],
)
def test_a_changed_header_is_a_forgery(header: str, value: str) -> None:
    headers = signing_v1a.headers([PRIVATE], "evt_1", SECONDS, BODY) | {header: value}
    with pytest.raises(Forged):
        signing_v1a.verify([signing_v1a.public_of(PRIVATE)], headers, BODY, NOW)


def test_a_changed_byte_of_the_body_is_a_forgery() -> None:
    headers = signing_v1a.headers([PRIVATE], "evt_1", SECONDS, BODY)
    with pytest.raises(Forged):
        signing_v1a.verify([signing_v1a.public_of(PRIVATE)], headers, BODY.replace(b" ", b""), NOW)


@pytest.mark.parametrize("seconds", [301, -301])
def test_five_minutes_and_a_second_are_too_far_away(seconds: int) -> None:
    headers = signing_v1a.headers([PRIVATE], "evt_1", SECONDS, BODY)
    with pytest.raises(Stale):
        signing_v1a.verify([signing_v1a.public_of(PRIVATE)], headers, BODY, NOW + timedelta(seconds=seconds))
