"""The routes of users, through the real application on a real database."""

from __future__ import annotations

import httpx
import msgspec

from rtp.db.frames import Frames
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.testing import money

ADA = {"email": "Ada@Example.com", "name": "Ada Lovelace", "timezone": "Europe/London"}


async def test_a_created_user_is_found_by_id_and_by_e_mail_in_any_case(api: httpx.AsyncClient) -> None:
    created = await api.post("/v1/users", json=ADA)
    assert created.status_code == 201, created.text
    by_id = await api.get(f"/v1/users/{created.json()['id']}")
    by_email = await api.get("/v1/users/ada@example.COM")
    assert by_id.json() == by_email.json()
    assert by_email.json()["email"] == "Ada@Example.com"


async def test_an_e_mail_is_taken_whatever_its_case(api: httpx.AsyncClient) -> None:
    await api.post("/v1/users", json=ADA)
    again = await api.post("/v1/users", json=ADA | {"email": "ADA@example.com"})
    assert again.status_code == 409
    assert again.json()["code"] == "email_taken"
    assert again.headers["content-type"] == "application/problem+json"


async def test_the_same_key_and_body_get_the_same_answer_marked_replayed(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await api.post("/v1/users", json=ADA, headers=headers)
    second = await api.post("/v1/users", json=ADA, headers=headers)
    assert first.content == second.content
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


async def test_the_same_key_with_another_body_is_refused(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    await api.post("/v1/users", json=ADA, headers=headers)
    other = await api.post("/v1/users", json=ADA | {"name": "Eve"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refusal_stores_nothing_so_the_mended_request_may_use_the_key(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    bad = await api.post("/v1/users", json=ADA | {"timezone": "Mars/Olympus"}, headers=headers)
    assert (bad.status_code, bad.json()["code"]) == (400, "unknown_timezone")
    good = await api.post("/v1/users", json=ADA, headers=headers)
    assert good.status_code == 201


async def test_a_dry_run_changes_nothing_and_its_plan_commits_exactly_that(api: httpx.AsyncClient) -> None:
    planned = await api.post("/v1/users", json=ADA, params={"dry_run": True})
    assert planned.status_code == 202, planned.text
    plan = planned.json()
    assert (await api.get("/v1/users")).json()["items"] == []
    applied = await api.post(f"/v1/plans/{plan['id']}/apply")
    assert applied.status_code == 201, applied.text
    assert applied.json() == plan["result"]
    again = await api.post(f"/v1/plans/{plan['id']}/apply")
    assert (again.status_code, again.json()["code"]) == (409, "plan_used")


async def test_a_plan_no_longer_fits_when_the_world_moved(api: httpx.AsyncClient) -> None:
    user = (await api.post("/v1/users", json=ADA)).json()
    plan = (await api.patch(f"/v1/users/{user['id']}", json={"name": "Augusta"}, params={"dry_run": True})).json()
    await api.patch(f"/v1/users/{user['id']}", json={"timezone": "UTC"})
    applied = await api.post(f"/v1/plans/{plan['id']}/apply")
    assert (applied.status_code, applied.json()["code"]) == (409, "plan_outdated")
    assert (await api.get(f"/v1/users/{user['id']}")).json()["name"] == "Ada Lovelace"


async def test_every_write_leaves_one_audit_row_with_reason_before_and_after(api: httpx.AsyncClient) -> None:
    user = (await api.post("/v1/users", json=ADA)).json()
    await api.post(f"/v1/users/{user['id']}/suspend", params={"reason": "chargeback"})
    rows = (await api.get("/v1/audit", params={"target": user["id"]})).json()["items"]
    assert [row["operation"] for row in rows] == ["users.suspend", "users.create"]
    assert rows[0]["reason"] == "chargeback"
    change = rows[0]["changes"][0]
    assert (change["before"]["status"], change["after"]["status"]) == ("active", "suspended")


async def test_an_import_takes_the_good_lines_and_names_the_bad_ones(api: httpx.AsyncClient) -> None:
    lines = [
        b'{"row": 2, "email": "a@example.com", "name": "A"}',
        b'{"row": 3, "email": "no-at-sign", "name": "B"}',
        b'{"row": 4, "email": "A@EXAMPLE.com", "name": "A again"}',
        b'{"row": 5, "email": "c@example.com", "name": "\\u0000"}',
        b"not json",
        '{"row": 7, "email": "zoë@example.com", "name": "Zoë", "timezone": "Europe/Amsterdam"}'.encode(),
    ]
    answer = await api.post("/v1/users/import", content=b"\n".join(lines))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["created"], body["existing"]) == (2, 1)
    assert [row["row"] for row in body["refused"]] == [3, 5, 5]
    again = (await api.post("/v1/users/import", content=b"\n".join(lines))).json()
    assert again["created"] == 0
    events = (await api.get("/v1/events", params={"type": "user.imported"})).json()["items"]
    assert len(events) == 2


async def test_an_import_keeps_quotes_backslashes_and_braces_and_refuses_only_a_nul(api: httpx.AsyncClient) -> None:
    names = ['"Ada" \\ {Lovelace}, NULL', "O'Neill\n", "\\u0000 as six characters", "\0"]
    rows = [{"row": place, "email": f"q{place}@example.com", "name": name} for place, name in enumerate(names)]
    body = (await api.post("/v1/users/import", content=b"\n".join(map(msgspec.json.encode, rows)))).json()
    assert (body["created"], [row["row"] for row in body["refused"]]) == (3, [3])
    items = (await api.get("/v1/users", params={"sort": "created_at"})).json()["items"]
    assert [user["name"] for user in items] == names[:3]
    events = (await api.get("/v1/events", params={"type": "user.imported"})).json()["items"]
    assert {event["payload"]["after"]["name"] for event in events} == set(names[:3])


async def test_pages_follow_each_other_without_gap_or_repeat(api: httpx.AsyncClient) -> None:
    lines = [f'{{"row": {n}, "email": "m{n}@example.com", "name": "M{n}"}}' for n in range(25)]
    await api.post("/v1/users/import", content="\n".join(lines).encode())
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api.get("/v1/users", params={"limit": 10, "cursor": cursor})).json()
        seen += [user["email"] for user in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 25


async def test_a_cursor_of_another_list_is_refused(api: httpx.AsyncClient) -> None:
    lines = [f'{{"row": {n}, "email": "m{n}@example.com", "name": "M{n}"}}' for n in range(3)]
    await api.post("/v1/users/import", content="\n".join(lines).encode())
    cursor = (await api.get("/v1/users", params={"limit": 1})).json()["next"]
    answer = await api.get("/v1/users", params={"limit": 1, "cursor": cursor, "status": "active"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_a_search_takes_wildcards_for_what_they_are(api: httpx.AsyncClient) -> None:
    await api.post("/v1/users", json=ADA)
    assert (await api.get("/v1/users", params={"search": "LOVELACE"})).json()["items"]
    assert not (await api.get("/v1/users", params={"search": "a%e"})).json()["items"]


async def test_bad_input_names_the_field_and_writes_nothing(api: httpx.AsyncClient) -> None:
    for body, field in (
        ({"email": "x", "name": "X"}, "email"),
        ({"email": "x@example.com", "name": ""}, "name"),
        ({"email": "x@example.com", "name": "a\0b"}, "name"),
        ({"email": "x@example.com", "name": "X", "admin": True}, "admin"),
        ({"email": "x@example.com"}, "name"),
    ):
        answer = await api.post("/v1/users", json=body)
        assert answer.status_code == 400, answer.text
        assert field in answer.json()["fields"], answer.text
    assert (await api.get("/v1/users")).json()["items"] == []


async def test_a_search_by_what_was_bought_or_by_the_provider_s_reference_finds_its_member(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    provider = FakeProvider()
    payment = await money.captured_payment(frames, provider, payment_jobs.JOBS)
    await api.post("/v1/users", json=ADA | {"email": "other@example.com"})
    for search in (payment.id, payment.provider_ref, payment.user_id):
        found = (await api.get("/v1/users", params={"search": search})).json()["items"]
        assert [user["id"] for user in found] == [payment.user_id], search
    nobody = payment.id[:-1] + ("0" if payment.id[-1] != "0" else "2")
    assert (await api.get("/v1/users", params={"search": nobody})).json()["items"] == []
