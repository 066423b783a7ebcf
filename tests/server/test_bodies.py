"""A field that nobody knows is refused by name, in every body, and the document says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import msgspec

from rtp.operations import Operation
from rtp_server import bodies, routes

WITH_BODY: dict[str, Operation[Any, Any]] = {
    declared.id: declared
    for declared in (handler.opt["endpoint"].operation for handler in routes.HANDLERS if "endpoint" in handler.opt)
    if declared.body is not None
}
JSON = sorted(name for name, declared in WITH_BODY.items() if declared.media == "json")


def structs(kind: Any, seen: set[Any]) -> Iterator[type[msgspec.Struct]]:
    """Every struct that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in seen:
        seen.add(kind)
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from structs(field.type, seen)
    for part in get_args(kind):
        yield from structs(part, seen)


def objects(document: dict[str, Any], schema: Any, path: str, seen: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object that a schema is made of, with where it stands."""
    if isinstance(schema, list):
        for part in schema:
            yield from objects(document, part, path, seen)
        return
    if not isinstance(schema, dict):
        return
    if (name := schema.get("$ref", "")) and name not in seen:
        seen.add(name)
        yield from objects(document, document["components"]["schemas"][name.rpartition("/")[2]], name, seen)
    if "properties" in schema:
        yield path, schema
        for part in schema["properties"].values():
            yield from objects(document, part, path, seen)
    for word in ("items", "oneOf", "anyOf", "allOf", "additionalProperties", "prefixItems"):
        yield from objects(document, schema.get(word), path, seen)


def test_no_type_that_a_body_is_made_of_takes_a_field_that_it_does_not_know() -> None:
    found = {kind for declared in WITH_BODY.values() for kind in structs(declared.body, set())}
    assert len(found) > len(JSON) / 2
    assert sorted(kind.__name__ for kind in found if not kind.__struct_config__.forbid_unknown_fields) == []


async def test_an_unknown_field_is_refused_by_name_in_every_body(api: httpx.AsyncClient) -> None:
    refused = {name: await surplus(api, WITH_BODY[name]) for name in JSON}
    expected = (400, "invalid_input", {"surplus": "is not known here"})
    assert {name: answer for name, answer in refused.items() if answer != expected} == {}


async def surplus(api: httpx.AsyncClient, declared: Operation[Any, Any]) -> tuple[int, str, dict[str, str]]:
    """What the operation answers to a body with a field that nobody knows."""
    path = "/v1" + declared.path.format_map(Anything())
    answer = await api.request(declared.method, path, json={"surplus": 1}, headers={"Idempotency-Key": "surplus"})
    problem = answer.json()
    return answer.status_code, problem["code"], problem["fields"]


async def test_an_unknown_field_is_named_with_the_place_where_it_stands(api: httpx.AsyncClient) -> None:
    body = {"amount": 1, "reason": "duplicate", "lines": [{"surplus": 1}]}
    answer = await api.post("/v1/payments/pay_1/refunds", json=body, headers={"Idempotency-Key": "surplus"})
    assert answer.json()["fields"] == {"lines[0].surplus": "is not known here"}


def test_a_field_that_is_wrong_unknown_or_missing_is_named_by_its_place() -> None:
    assert bodies.place("Expected `int`, got `str` - at `$.amount`", "data") == ("amount", "Expected `int`, got `str`")
    assert bodies.place("Object contains unknown field `a`", "data") == ("a", "is not known here")
    assert bodies.place("Object contains unknown field `b` - at `$.a`", "data") == ("a.b", "is not known here")
    assert bodies.place("Object missing required field `b` - at `$.a[1]`", "data") == ("a[1].b", "is missing")
    assert bodies.place("Expected `object`, got `array`", "data") == ("data", "Expected `object`, got `array`")


async def test_the_document_closes_every_object_of_every_request_body(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    described: dict[str, list[str]] = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                if media == "application/json":
                    found = objects(document, content["schema"], "body", set())
                    described[operation["operationId"]] = [
                        path for path, schema in found if schema.get("additionalProperties") is not False
                    ]
    assert set(JSON) <= set(described)
    assert {name: open_ for name, open_ in described.items() if open_ and name in JSON} == {}


async def test_a_line_of_an_import_with_an_unknown_field_is_refused_alone(api: httpx.AsyncClient) -> None:
    lines = [
        {"row": 1, "email": "ada@example.com", "name": "Ada"},
        {"row": 2, "email": "bob@example.com", "name": "B", "vip": 1},
    ]
    content = b"\n".join(msgspec.json.encode(line) for line in lines)
    answer = (await api.post("/v1/users/import", content=content)).json()
    assert (answer["created"], [row["row"] for row in answer["refused"]]) == (1, [2])
    assert "unknown field `vip`" in answer["refused"][0]["message"]


class Anything(dict[str, str]):
    """A value for any parameter of a path."""

    def __missing__(self, key: str) -> str:
        return "x"


async def test_what_is_no_e_mail_is_said_in_words_and_not_as_a_pattern(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/users", json={"email": "ada", "name": "Ada"})
    assert answer.json()["fields"] == {"email": "not an e-mail address such as ada@example.com"}
    assert answer.json()["still"] == "Nothing was changed."
