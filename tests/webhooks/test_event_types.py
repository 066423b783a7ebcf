"""The types that an endpoint can ask for are those that are recorded, and no other is taken."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import rtp
from rtp.disputes import service as disputes
from rtp.payments import service as payments
from rtp.products.catalog import HAPPENED
from rtp.refunds import settling
from rtp.webhooks import payload
from rtp_commands.errors import Usage
from rtp_commands.webhooks_endpoints import _patterns

URL = "https://hooks.example.com/in"
RECORDED_BY_SQL = {"user.imported"}
BY_STATE = {"user.suspended", "user.restored", "refund.created", "refund.waiting"}
NAMED_BY_A_CALL = {"_record": "", "change": "subscription.", "_note": "dispute."}
"""Functions that are given the type, and what they put before it."""


def written() -> Iterator[str]:
    """The types that stand in the code as such, or as what `subscription.…` and the like are made of."""
    for path in Path(rtp.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if name == "record":
                yield from texts[:1]
            elif name in NAMED_BY_A_CALL and path.parent.name in ("subscriptions", "disputes", "payments"):
                yield from (NAMED_BY_A_CALL[name] + one for one in texts[:1])


def recorded() -> set[str]:
    """Every type that the code can record and that is sent."""
    of_rows = {f"{noun}.{what}" for noun in ("product", "price") for what in HAPPENED.values()}
    moved = {"payment": payments._PAST, "refund": settling._PAST, "dispute": disputes._PAST}
    of_moves = {f"{noun}.{what}" for noun, past in moved.items() for what in past.values()}
    # What is named by a condition or chosen before stands beside its call.
    chosen = {"subscription.canceled", "subscription.expired", "subscription.activated", "subscription.renewed"}
    chosen |= {f"entitlement.{what}" for what in ("opened", "changed", "closed")}
    every = {*written(), *of_rows, *of_moves, *chosen, *BY_STATE, *RECORDED_BY_SQL}
    return {one for one in every if re.fullmatch(r"[a-z_]+\.[a-z_]+", one) and payload.is_sent(one)} - {payload.TESTED}


def test_the_table_of_types_is_what_the_code_records() -> None:
    assert sorted(recorded()) == sorted(payload.TYPES)


def test_the_guide_lists_every_type(request: pytest.FixtureRequest) -> None:
    guide = (request.config.rootpath / "docs/guides/webhooks.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)\.\*` \| (.+) \|$", guide, re.M)
    assert {f"{noun}.{what}" for noun, types in rows for what in re.findall(r"`(\w+)`", types)} == payload.TYPES


@pytest.mark.parametrize("pattern", ["nonsense.foo", "refund.succeded", "invoice.*", "user.noted", "staff.created"])
async def test_an_endpoint_for_events_that_never_come_is_refused_with_those_that_do(
    api: httpx.AsyncClient, pattern: str
) -> None:
    one = await api.post("/v1/webhooks/endpoints", json={"url": URL, "events": ["payment.*"]})
    wanted = {"events": ["payment.*", pattern]}
    made = await api.post("/v1/webhooks/endpoints", json={"url": URL, **wanted})
    changed = await api.patch(f"/v1/webhooks/endpoints/{one.json()['id']}", json=wanted)
    listens = await api.post("/v1/webhooks/endpoints", json={"kind": "listen", **wanted})
    for answer in (made, changed, listens):
        problem: dict[str, Any] = answer.json()
        assert (answer.status_code, problem["code"], problem["exit_code"]) == (400, "webhook_events_unknown", 2)
        assert pattern in problem["detail"]
        noun = pattern.partition(".")[0]
        near = f"{noun}.created" if noun in ("refund", "user") else "refund.*"
        assert near in problem["detail"]
    assert len((await api.get("/v1/webhooks/endpoints")).json()["items"]) == 1


@pytest.mark.parametrize("pattern", ["*", *payload.families(), "refund.succeeded"])
async def test_a_type_a_family_and_all_are_taken(api: httpx.AsyncClient, pattern: str) -> None:
    made = await api.post("/v1/webhooks/endpoints", json={"url": URL, "events": [pattern]})
    assert (made.status_code, made.json()["events"]) == (201, [pattern])


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_variable_is_not_taken_for_all_events(text: str) -> None:
    with pytest.raises(Usage, match="names no event"):
        _patterns(text)
