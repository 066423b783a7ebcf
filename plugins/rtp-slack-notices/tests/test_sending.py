"""The one request: where it goes, and what each answer means."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from rtp_slack_notices import sending
from rtp_slack_notices.errors import WebhookAway, WebhookNotAllowed, WebhookRefused


def at(*addresses: str) -> sending.Resolver:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


async def test_a_notice_arrives_with_its_key(webhook: Any) -> None:
    await sending.post(webhook.url, "grüße", "evt_1", loopback=True)
    assert webhook.posts == [{"text": "grüße"}]
    assert webhook.headers[0]["idempotency-key"] == "evt_1"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_what_may_pass_is_worth_another_try(webhook: Any, status: int) -> None:
    webhook.statuses = [status]
    with pytest.raises(WebhookAway, match=f"it answered {status}"):
        await sending.post(webhook.url, "x", "k", loopback=True)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410])
async def test_a_refusal_and_a_redirect_are_final_and_nothing_else_is_asked(webhook: Any, status: int) -> None:
    webhook.statuses = [status]
    with pytest.raises(WebhookRefused) as raised:
        await sending.post(webhook.url, "x", "k", loopback=True)
    assert raised.value.final is True
    assert len(webhook.posts) == 1


async def test_a_closed_port_is_worth_another_try_and_the_url_is_not_repeated(webhook: Any) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(WebhookAway) as raised:
        await sending.post(f"http://127.0.0.1:{port}/services/secret", "x", "k", loopback=True)
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "0xa000001", "167772161"])
async def test_an_address_in_any_writing_is_looked_at_before_connecting(host: str) -> None:
    with pytest.raises(WebhookNotAllowed, match="not a public address"):
        await sending.post(f"https://{host}/x", "x", "k", loopback=True)


@pytest.mark.parametrize("loopback", [True, False])
async def test_one_private_address_among_public_ones_is_enough_to_refuse(webhook: Any, loopback: bool) -> None:
    with pytest.raises(WebhookNotAllowed):
        await sending.post(
            "https://hooks.example.com/x", "x", "k", loopback=loopback, resolver=at("8.8.8.8", "10.0.0.1")
        )


async def test_the_loopback_is_refused_where_it_is_not_allowed(webhook: Any) -> None:
    for host in ("https://localhost", f"https://127.0.0.1:{webhook.port}", "https://2130706433"):
        with pytest.raises(WebhookNotAllowed):
            await sending.post(f"{host}/x", "x", "k", loopback=False)
    assert webhook.posts == []


async def test_the_connection_goes_to_the_address_that_was_looked_at(webhook: Any) -> None:
    """The name alone would lead to the webhook, which does not listen at 127.0.0.2: it is not resolved again."""
    url = f"http://localhost:{webhook.port}/x"
    with pytest.raises(WebhookAway):
        await sending.post(url, "x", "k", loopback=True, resolver=at("127.0.0.2"))
    assert webhook.posts == []
    await sending.post(url, "x", "k", loopback=True, resolver=at("127.0.0.1"))
    assert webhook.headers[0]["host"] == f"localhost:{webhook.port}"
