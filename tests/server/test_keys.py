"""An Idempotency-Key in the form of the draft, a structured string, and the same key bare are one key."""

from __future__ import annotations

import httpx
import pytest

from rtp.errors import InvalidInput
from rtp_server.keys import key_of


@pytest.mark.parametrize(
    "header, key",
    [
        ("k", "k"),
        ('"k"', "k"),
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ('""', ""),
        ("", ""),
        ('a"b', 'a"b'),
        ("op_01M82JBJ04FCP9T6B4JW1RNYHP", "op_01M82JBJ04FCP9T6B4JW1RNYHP"),
    ],
)
def test_a_structured_string_is_read_as_its_content(header: str, key: str) -> None:
    assert key_of(header) == key


@pytest.mark.parametrize("header", ['"', '"k', '"k"; a=1', r'"\k"', '"a"b"', '"ü"', '"\t"'])
def test_what_begins_as_a_string_and_is_none_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput, match="8941"):
        key_of(header)


async def test_quoted_and_bare_it_is_one_key_and_quotes_around_nothing_are_none(api: httpx.AsyncClient) -> None:
    body = {"email": "ada@example.com", "name": "Ada"}
    first = await api.post("/v1/users", json=body, headers={"Idempotency-Key": '"k"'})
    again = await api.post("/v1/users", json=body, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    bad = await api.post("/v1/users", json=body, headers={"Idempotency-Key": '"k'})
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_input")
    asked = {"amount": 1, "reason": "duplicate"}
    path = "/v1/payments/pay_01M82JBJ04FCP9T6B4JW1RNYHP/refunds"
    empty = await api.post(path, json=asked, headers={"Idempotency-Key": '""'})
    assert empty.json()["code"] == "idempotency_key_missing"


async def test_a_plan_is_carried_out_once_under_a_key_in_either_form(api: httpx.AsyncClient) -> None:
    body = {"email": "ada@example.com", "name": "Ada"}
    plan = (await api.post("/v1/users?dry_run=true", json=body)).json()["id"]
    done = [await api.post(f"/v1/plans/{plan}/apply", headers={"Idempotency-Key": key}) for key in ("k", '"k"')]
    assert [one.status_code for one in done] == [201, 201]
    assert done[1].headers["idempotency-replayed"] == "true"
