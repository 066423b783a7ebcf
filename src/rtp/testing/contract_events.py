"""The provider's contract about disputes and webhooks, and the whole of it as one class."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rtp.kit.money import Money
from rtp.payments.errors import ProviderKeyReused, ProviderRefused, WebhookForged, WebhookStale, WebhookUnknown
from rtp.testing.contract import ChargeRules, Subject, Webhook, needs
from rtp.testing.contract_refunds import CaptureRules, RefundRules

EVIDENCE = {"receipt": "order 1001 was delivered"}


class DisputeRules:
    """What a cardholder objects to."""

    async def test_an_open_dispute_is_listed_and_holds_the_money(self, subject: Subject, key: str) -> None:
        opening = needs(subject.dispute, "open a dispute")
        charge = await subject.charged(key)
        dispute = await opening(charge)
        assert (dispute.key, dispute.charge_ref, dispute.state) == (key, charge.ref, "needs_response")
        assert dispute.amount <= charge.captured
        assert dispute.created_at < dispute.due_by
        assert dispute.fee is not None
        assert dispute.fee >= Money(0, charge.amount.currency)
        assert dispute in await subject.provider.list_disputes(dispute.created_at)
        refund = await subject.provider.refund(key, charge.ref, charge.captured, "duplicate")
        assert (refund.state, refund.failure_reason) == ("failed", "charge_disputed")

    async def test_evidence_is_handed_in_once_under_one_key(self, subject: Subject, key: str) -> None:
        dispute = await needs(subject.dispute, "open a dispute")(await subject.charged(key))
        answered = await subject.provider.submit_evidence(key, dispute.ref, EVIDENCE)
        assert (answered.ref, answered.state) == (dispute.ref, "under_review")
        again = await subject.provider.submit_evidence(key, dispute.ref, EVIDENCE)
        assert again.ref == dispute.ref
        assert again.state != "needs_response"
        with pytest.raises(ProviderKeyReused):
            await subject.provider.submit_evidence(key, dispute.ref, EVIDENCE | {"more": "of it"})
        with pytest.raises(ProviderRefused):
            await subject.provider.submit_evidence(f"{key}:2", dispute.ref, EVIDENCE)

    async def test_an_accepted_dispute_is_lost_and_its_money_cannot_be_returned(
        self, subject: Subject, key: str
    ) -> None:
        charge = await subject.charged(key)
        dispute = await needs(subject.dispute, "open a dispute")(charge)
        lost = await subject.provider.accept_dispute(key, dispute.ref)
        assert (lost.ref, lost.state) == (dispute.ref, "lost")
        assert lost.fee is not None
        assert await subject.provider.accept_dispute(key, dispute.ref) == lost
        assert lost in await subject.provider.list_disputes(dispute.created_at)
        with pytest.raises(ProviderRefused):
            await subject.provider.accept_dispute(f"{key}:2", dispute.ref)
        refund = await subject.provider.refund(key, charge.ref, lost.amount, "duplicate")
        assert refund.state == "failed"

    async def test_a_dispute_that_does_not_exist_is_refused(self, subject: Subject, key: str) -> None:
        needs(subject.dispute, "open a dispute")
        with pytest.raises(ProviderRefused):
            await subject.provider.submit_evidence(key, "dp_none", EVIDENCE)
        with pytest.raises(ProviderRefused):
            await subject.provider.accept_dispute(key, "dp_none")


class WebhookRules:
    """What a provider tells, and who else might pretend to."""

    @pytest.fixture
    async def webhook(self, subject: Subject, key: str) -> Webhook:
        """A genuine one, about a charge that succeeded."""
        making = needs(subject.webhook, "send a webhook")
        return await making(await subject.charged(key))

    async def test_a_genuine_webhook_holds_the_event(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        event = subject.provider.verify_webhook(
            webhook.sign(webhook.secret, webhook.body, _seconds(clock_now)), webhook.body, clock_now, [webhook.secret]
        )
        assert event == webhook.event
        assert (event.type, event.provider) == ("charge.succeeded", subject.provider.name)
        assert event.id

    async def test_a_webhook_signed_with_another_secret_is_forged(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        forged = webhook.sign(webhook.other_secret, webhook.body, _seconds(clock_now))
        for secrets in ([webhook.secret], []):
            with pytest.raises(WebhookForged):
                subject.provider.verify_webhook(forged, webhook.body, clock_now, secrets)
        with pytest.raises(WebhookForged):
            subject.provider.verify_webhook({}, webhook.body, clock_now, [webhook.secret])

    async def test_a_webhook_with_one_byte_changed_is_forged(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        headers = webhook.sign(webhook.secret, webhook.body, _seconds(clock_now))
        at = webhook.body.index(b"1000")
        for body in (webhook.body + b" ", webhook.body[:-1], webhook.body[:at] + b"9" + webhook.body[at + 1 :]):
            with pytest.raises(WebhookForged):
                subject.provider.verify_webhook(headers, body, clock_now, [webhook.secret])

    @pytest.mark.parametrize("seconds, stale", [(299, False), (300, False), (301, True), (-300, False), (-301, True)])
    async def test_a_webhook_counts_for_300_seconds_either_way(
        self, subject: Subject, webhook: Webhook, clock_now: datetime, seconds: int, stale: bool
    ) -> None:
        headers = webhook.sign(webhook.secret, webhook.body, _seconds(clock_now))
        later = clock_now + timedelta(seconds=seconds)
        if stale:
            with pytest.raises(WebhookStale):
                subject.provider.verify_webhook(headers, webhook.body, later, [webhook.secret])
        else:
            assert subject.provider.verify_webhook(headers, webhook.body, later, [webhook.secret]) == webhook.event

    async def test_while_a_secret_is_exchanged_the_old_and_the_new_one_hold(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        both = [webhook.other_secret, webhook.secret]
        for secret in both:
            headers = webhook.sign(secret, webhook.body, _seconds(clock_now))
            assert subject.provider.verify_webhook(headers, webhook.body, clock_now, both) == webhook.event

    async def test_the_names_of_headers_are_read_in_any_case(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        headers = webhook.sign(webhook.secret, webhook.body, _seconds(clock_now))
        shouted = {name.upper(): value for name, value in headers.items()}
        assert subject.provider.verify_webhook(shouted, webhook.body, clock_now, [webhook.secret]) == webhook.event

    async def test_a_signed_message_of_another_kind_is_known_as_such(
        self, subject: Subject, webhook: Webhook, clock_now: datetime
    ) -> None:
        body = webhook.body.replace(b"charge.succeeded", b"weather.changed")
        assert body != webhook.body
        headers = webhook.sign(webhook.secret, body, _seconds(clock_now))
        with pytest.raises(WebhookUnknown):
            subject.provider.verify_webhook(headers, body, clock_now, [webhook.secret])

    @pytest.fixture
    def clock_now(self) -> datetime:
        """The instant of the receiver."""
        return datetime.fromisoformat("2026-03-02T14:30:00.5+00:00")


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


class ProviderContract(ChargeRules, CaptureRules, RefundRules, DisputeRules, WebhookRules):
    """Everything that is asked of an adapter; whoever inherits it gives the fixture `subject`."""
