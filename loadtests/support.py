"""Support staff return money: find a payment, look at what a refund would do, issue a small one.

It really refunds, with the platform's own payment provider. Plain locust runs it: RTP_URL is the platform, RTP_TOKEN a
token of the role support.
"""

from __future__ import annotations

import os
import random
import uuid

from locust import FastHttpUser, between, task

AMOUNT = 100
"""Minor units of each refund."""


class Support(FastHttpUser):
    """One person at the support desk."""

    host = os.environ.get("RTP_URL", "http://127.0.0.1:8000")
    wait_time = between(0.2, 1.0)
    default_headers = {"Authorization": f"Bearer {os.environ.get('RTP_TOKEN', '')}"}

    @task
    def refund_a_little(self) -> None:
        """Find, preview, issue; the key names this one intent, so a repeated request would not pay twice."""
        payment = self._payment()
        if payment is None:
            return
        path, name = f"/v1/payments/{payment}/refund-preview", "POST /v1/payments/{payment}/refund-preview"
        asked = {"amount": AMOUNT}
        with self.client.post(path, json=asked, headers=self.default_headers, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"answer {answer.status_code}")
                return
            if not answer.json()["allowed"]:
                return
        self._issue(payment)

    def _payment(self) -> str | None:
        path, name = "/v1/payments?state=succeeded&limit=100", "GET /v1/payments"
        with self.client.get(path, headers=self.default_headers, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"answer {answer.status_code}")
                return None
            open_ones = [one["id"] for one in answer.json()["items"] if one["refundable"]["amount"] >= AMOUNT]
        return random.choice(open_ones) if open_ones else None

    def _issue(self, payment: str) -> None:
        headers = {**self.default_headers, "Idempotency-Key": f"load-{uuid.uuid4()}"}
        body = {"reason": "other", "note": "load test", "amount": AMOUNT, "again": True}
        path, name = f"/v1/payments/{payment}/refunds", "POST /v1/payments/{payment}/refunds"
        with self.client.post(path, json=body, headers=headers, name=name, catch_response=True) as answer:
            # Another desk may have taken the rest in between, or the limit: a refusal by rule is a right answer.
            codes = {"refund_exceeds_captured", "refund_over_limit"}
            refused = answer.status_code == 422 and answer.json()["code"] in codes
            if answer.status_code == 201 or refused:
                answer.success()
            else:
                answer.failure(f"answer {answer.status_code}: {answer.text[:200]}")
