"""Which webhooks and addresses are allowed, and what a notice says."""

from __future__ import annotations

import pytest

from rtp_slack_notices import policy
from rtp_slack_notices.errors import WebhookNotAllowed

REFUND = {
    "id": "rfd_01",
    "payment_id": "pay_01",
    "amount": {"amount": 2500, "currency": "USD"},
    "reason": "duplicate",
    "failure_reason": "",
}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/services/T/B/x",
        "http://hooks.slack.com/services/T/B/x",
        "http://127.0.0.1.example.com/",
        "http://127.1/",
        "http://10.0.0.1/",
        "https://user:password@hooks.slack.com/",
        "https://user@hooks.slack.com/",
        "https://",
        "https:///services",
        "https://hooks.slack.com:99999/",
        "https://[::1/",
        "https://hooks.slack.com/a b",
        "https://hooks.slack.com/\r\nX-More: 1",
        "ftp://hooks.slack.com/",
        "file:///etc/passwd",
    ],
)
def test_a_webhook_that_is_not_plain_https_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(WebhookNotAllowed) as raised:
        policy.webhook(url, loopback=True)
    assert "password@" not in raised.value.message


def test_http_is_for_the_loopback_where_that_is_allowed() -> None:
    assert policy.webhook("http://127.0.0.1:8000/x", loopback=True).port == 8000
    with pytest.raises(WebhookNotAllowed):
        policy.webhook("http://127.0.0.1:8000/x", loopback=False)


@pytest.mark.parametrize(
    "address",
    """
    10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1 198.18.0.1
    240.0.0.1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::a00:1 64:ff9b::a9fe:a9fe 2002:a00:1:: 64:ff9b:1::1
    """.split(),
)
def test_no_address_but_a_public_one_is_reachable(address: str) -> None:
    assert not policy.reachable(address, loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_the_loopback_is_reachable_where_that_is_allowed(address: str) -> None:
    assert policy.reachable(address, loopback=True)
    assert not policy.reachable(address, loopback=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_reachable(address: str) -> None:
    assert policy.reachable(address, loopback=False)


def test_of_a_webhook_only_the_host_is_shown() -> None:
    assert policy.shown("https://hooks.slack.com/services/T/B/secret?x=secret#secret") == "https://hooks.slack.com/…"
    assert policy.shown("") == ""


def test_a_notice_names_the_refund_its_amount_and_why() -> None:
    text = policy.notice("refund.succeeded", REFUND)
    assert text == "Refund rfd_01 of 25.00 USD on pay_01 succeeded. Reason: duplicate"
    failed = policy.notice("refund.failed", REFUND | {"failure_reason": "card_closed"})
    assert failed == "Refund rfd_01 of 25.00 USD on pay_01 failed: card_closed. No money went back."


def test_what_people_typed_cannot_become_a_mention_or_a_link() -> None:
    text = policy.notice("refund.succeeded", REFUND | {"reason": "<!channel> & <https://x|y>" + "z" * 500})
    assert "<" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://x|y&gt;" in text
    assert text.endswith("z…")
