"""The README's table of errors, row by row: from an HTTP answer through Stripe's library to our own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rtp.errors import RtpError
from rtp.payments.errors import ProviderKeyReused, ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from rtp.payments.guarded import answered
from rtp_stripe import connecting, disputing, failures
from rtp_stripe.dialect import STRIPE

UNKNOWN, AWAY, REFUSED, REUSED = ProviderOutcomeUnknown, ProviderUnavailable, ProviderRefused, ProviderKeyReused


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Any:
    return connecting.calls("sk_test_1", "https://stripe.test", STRIPE, httpx.MockTransport(answer))


def refusal(status: int, type: str = "invalid_request_error", code: str | None = None, **headers: str) -> Any:
    body = {"error": {"type": type, "code": code, "message": "of stripe"}}
    return lambda request: httpx.Response(status, json=body, headers={"request-id": "req_1", **headers})


def broken(error: type[httpx.RequestError]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    return answer


TABLE: list[tuple[Any, type[RtpError], type[RtpError], bool]] = [
    (broken(httpx.ConnectError), AWAY, AWAY, True),
    (broken(httpx.ConnectTimeout), AWAY, AWAY, True),
    (broken(httpx.PoolTimeout), AWAY, AWAY, True),
    (broken(httpx.ReadError), UNKNOWN, AWAY, True),
    (broken(httpx.WriteTimeout), UNKNOWN, AWAY, True),
    (broken(httpx.ReadTimeout), UNKNOWN, AWAY, True),
    (broken(httpx.RemoteProtocolError), UNKNOWN, AWAY, True),
    (refusal(429, code="rate_limit"), AWAY, AWAY, True),
    (refusal(429, code="lock_timeout"), AWAY, AWAY, True),
    (refusal(400, type="idempotency_error"), REUSED, AWAY, False),
    (refusal(400, code="parameter_invalid_integer"), REFUSED, REFUSED, False),
    (refusal(404, code="resource_missing"), REFUSED, REFUSED, False),
    (refusal(401), AWAY, AWAY, False),
    (refusal(403), AWAY, AWAY, False),
    (refusal(402, type="card_error"), REFUSED, REFUSED, False),
    (refusal(409, code="idempotency_key_in_use"), UNKNOWN, AWAY, True),
    (refusal(500, type="api_error"), UNKNOWN, AWAY, True),
    (refusal(503, type="api_error"), UNKNOWN, AWAY, True),
    (lambda request: httpx.Response(404, text="no such page"), AWAY, AWAY, False),
    (lambda request: httpx.Response(502, text="<html>"), UNKNOWN, AWAY, True),
    (lambda request: httpx.Response(200, text="<html>"), UNKNOWN, AWAY, True),
]


@pytest.mark.parametrize("answer, moving, reading, counts", TABLE)
async def test_each_answer_says_whether_money_moved_and_counts_as_the_table_says(
    answer: Any, moving: type[RtpError], reading: type[RtpError], counts: bool
) -> None:
    calls = answering(answer)
    with pytest.raises(moving) as moved, failures.moving("k"):
        await calls.client.v1.refunds.create_async({"payment_intent": "pi_1"}, {"idempotency_key": "k"})
    with pytest.raises(reading), failures.reading():
        await calls.client.v1.refunds.retrieve_async("re_1")
    assert type(moved.value) is moving
    assert answered(moved.value) is not counts
    await calls.close()


async def test_a_wait_that_stripe_asks_for_and_its_id_of_the_request_are_kept() -> None:
    calls = answering(refusal(429, code="rate_limit", **{"retry-after": "7"}))
    with pytest.raises(AWAY) as away, failures.moving("k"):
        await calls.client.v1.refunds.create_async({"payment_intent": "pi_1"})
    assert away.value.retry_after == 7.0
    assert "req_1" in away.value.message
    await calls.close()


async def test_the_library_repeats_nothing_by_itself() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500, json={"error": {"type": "api_error"}}, headers={"stripe-should-retry": "true"})

    calls = answering(answer)
    with pytest.raises(UNKNOWN), failures.moving("k"):
        await calls.client.v1.refunds.create_async({"payment_intent": "pi_1"}, {"idempotency_key": "k"})
    [request] = asked
    assert request.headers["idempotency-key"] == "k"
    assert request.headers["stripe-version"] == connecting.API_VERSION
    await calls.close()


def test_evidence_goes_into_the_fields_that_stripe_has_and_the_rest_into_one() -> None:
    given = {"access_log": "came daily", "customer_name": "Ada", "order": "1001", "correspondence": "none"}
    assert disputing.in_fields(given) == {
        "access_activity_log": "came daily", "customer_name": "Ada",
        "uncategorized_text": "order: 1001\n\ncorrespondence: none",
    }  # fmt: skip
