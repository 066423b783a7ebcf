"""Disputes: what cardholders object to, our evidence, and giving in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rtp.payments.errors import ProviderKeyReused, ProviderRefused
from rtp.payments.ports import ProviderDispute
from rtp_stripe import failures, finding, objects
from rtp_stripe.calls import Calls, Fields, fields

ANSWER_KEY, ANSWER = "rtp_answer_key", "rtp_answer"
INTENT = "payment_intent"
FIELDS = frozenset({
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
})  # fmt: skip
"""The evidence that Stripe takes as text under a name of its own; all else goes together into `uncategorized_text`."""


OURS = {"access_log": "access_activity_log", "terms": "refund_policy_disclosure"}
"""Parts of rtp's evidence pack that have a field of their own."""


async def disputes(calls: Calls, since: datetime) -> list[ProviderDispute]:
    """All disputes since an instant, as they stand now; a stand-in that knows none has none."""
    if not calls.dialect.disputes:
        return []
    asked: Any = finding.window(calls, since.timestamp()) | {"expand": [f"data.{INTENT}"]}
    with failures.reading():
        page = await calls.client.v1.disputes.list_async(asked)
        made = [fields(one) async for one in page.auto_paging_iter()]
    return finding.listed(finding.in_order(calls, since.timestamp(), made), objects.dispute)


async def submit(calls: Calls, key: str, ref: str, evidence: Mapping[str, str]) -> ProviderDispute:
    """Hand the evidence in; Stripe takes it once.

    Raises: ProviderRefused, ProviderKeyReused, ProviderOutcomeUnknown, ProviderUnavailable.
    """
    answer = hashlib.sha256(repr(sorted(evidence.items())).encode()).hexdigest()[:32]
    if (known := await _known(calls, key, ref, answer)) is not None:
        return known
    notes = {ANSWER_KEY: key, ANSWER: answer}
    request: Any = {"evidence": in_fields(evidence), "submit": True, "metadata": notes, "expand": [INTENT]}
    with failures.moving(key):
        return objects.dispute(
            fields(await calls.client.v1.disputes.update_async(ref, request, {"idempotency_key": key}))
        )


async def accept(calls: Calls, key: str, ref: str) -> ProviderDispute:
    """Close the dispute as lost.

    Raises: ProviderRefused, ProviderKeyReused, ProviderOutcomeUnknown, ProviderUnavailable.
    """
    if (known := await _known(calls, key, ref, "accepted")) is not None:
        return known
    with failures.moving(key):
        service = calls.client.v1.disputes
        await service.update_async(ref, {"metadata": {ANSWER_KEY: key, ANSWER: "accepted"}})
        closed = await service.close_async(ref, {"expand": [INTENT]}, {"idempotency_key": key})
        return objects.dispute(fields(closed))


def in_fields(evidence: Mapping[str, str]) -> dict[str, str]:
    """Our evidence in Stripe's fields."""
    given = {OURS.get(name, name): text for name, text in evidence.items()}
    named = {name: text for name, text in given.items() if name in FIELDS}
    rest = "\n\n".join(f"{name}: {text}" for name, text in given.items() if name not in FIELDS)
    return named | ({"uncategorized_text": rest} if rest else {})


async def _known(calls: Calls, key: str, ref: str, answer: str) -> ProviderDispute | None:
    """The dispute where this answer was given before; None where it is still to be given.

    Raises: ProviderRefused, ProviderKeyReused, ProviderUnavailable.
    """
    if not calls.dialect.disputes:
        raise ProviderRefused(why=f"there is no dispute {ref!r}")
    with failures.reading():
        found: Fields = fields(await calls.client.v1.disputes.retrieve_async(ref, {"expand": [INTENT]}))
    notes, dispute = found.get("metadata") or {}, objects.dispute(found)
    if notes.get(ANSWER_KEY) == key and notes.get(ANSWER) != answer:
        raise ProviderKeyReused(key=key)
    if dispute.state == "needs_response":
        return None
    if notes.get(ANSWER_KEY) != key:
        raise ProviderRefused(why=f"the dispute {ref} is {dispute.state}")
    return dispute
