"""Load tests on the server: a token for one run, ended with it, and a record of who did what."""

from __future__ import annotations

from typing import Any

import httpx

from rtp.testing import asgi


async def started(api: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await api.post("/v1/loadtests/runs", json={"name": "member", "users": 5, "seconds": 20} | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_run_s_token_has_its_role_and_ends_with_the_run(api: httpx.AsyncClient, app: asgi.App) -> None:
    run = await started(api)
    async with asgi.client(app, token=run["token"]) as visitor:
        assert (await visitor.get("/v1/users")).status_code == 200
        refused = await visitor.post("/v1/users", json={"email": "a@example.com", "name": "A"})
        assert refused.status_code == 403
        done = await api.post("/v1/loadtests/runs/finish", json={"id": run["id"], "name": "member", "verdict": "held"})
        assert done.status_code == 200
        assert (await visitor.get("/v1/users")).status_code == 401


async def test_a_finished_run_is_in_the_history_and_in_the_audit(api: httpx.AsyncClient) -> None:
    run = await started(api, role="support")
    threshold = {"name": "total", "threshold": "p95 < 1 ms", "measured": "≤ 9.5 ms", "outcome": "missed"}
    record = {"id": run["id"], "name": "member", "verdict": "missed", "requests": 12, "thresholds": [threshold]}
    await api.post("/v1/loadtests/runs/finish?reason=capacity", json=record)
    shown = (await api.get(f"/v1/loadtests/runs/{run['id']}")).json()
    assert (shown["verdict"], shown["requests"], shown["thresholds"]) == ("missed", 12, [threshold])
    assert [one["id"] for one in (await api.get("/v1/loadtests/runs")).json()["items"]] == [run["id"]]
    audit = (await api.get("/v1/audit")).json()["items"]
    assert [(one["operation"], one["reason"]) for one in audit] == [
        ("loadtests.finish", "capacity"),
        ("loadtests.start", ""),
    ]
    assert run["token"] not in str(audit)


async def test_a_run_ends_once_and_only_if_it_began(api: httpx.AsyncClient) -> None:
    run = await started(api)
    record = {"id": run["id"], "name": "member"}
    assert (await api.post("/v1/loadtests/runs/finish", json=record)).status_code == 200
    again = await api.post("/v1/loadtests/runs/finish", json=record)
    assert (again.status_code, again.json()["code"]) == (409, "load_run_finished")
    other = run["id"][:-1] + ("0" if run["id"][-1] != "0" else "1")
    for unknown in ({"name": "member"}, {"name": "member", "id": other}):
        answer = await api.post("/v1/loadtests/runs/finish", json=unknown)
        assert (answer.status_code, answer.json()["code"]) == (404, "load_run_not_found")


async def test_a_run_whose_token_was_revoked_by_hand_can_still_end(api: httpx.AsyncClient) -> None:
    run = await started(api)
    assert (await api.post(f"/v1/tokens/{run['token_id']}/revoke")).status_code == 200
    done = await api.post("/v1/loadtests/runs/finish", json={"id": run["id"], "name": "member"})
    assert done.status_code == 200


async def test_an_operator_may_start_runs_and_support_may_not(api: httpx.AsyncClient, app: asgi.App) -> None:
    for role, status in (("operator", 201), ("support", 403)):
        token = (await api.post("/v1/tokens", json={"name": role, "role": role})).json()["token"]
        async with asgi.client(app, token=token) as person:
            answer = await person.post("/v1/loadtests/runs", json={"name": "member"})
            assert answer.status_code == status


async def test_no_run_gets_a_role_above_support_or_more_users_than_are_bounded(api: httpx.AsyncClient) -> None:
    for more in ({"role": "operator"}, {"users": 501}, {"seconds": 601}):
        answer = await api.post("/v1/loadtests/runs", json={"name": "member"} | more)
        assert answer.status_code == 400


async def test_the_shipped_load_tests_are_listed_by_page(api: httpx.AsyncClient) -> None:
    first = (await api.get("/v1/loadtests?limit=1")).json()
    second = (await api.get("/v1/loadtests", params={"limit": 1, "cursor": first["next"]})).json()
    assert [one["name"] for one in first["items"] + second["items"]] == ["member", "support"]
    assert second["next"] is None
