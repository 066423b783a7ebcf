"""What a handler answers is what its operation says: that is what the client decodes and the document shows."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Iterable
from functools import reduce
from typing import Any, get_type_hints

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Operation, Page, listing, read, write
from rtp_server import operation, routes

OTHERWISE = {"plans.apply", "webhooks.receive"}
"""Routes without an endpoint of ours: one answers what the planned operation answers, one answers the provider."""
NO_CALL = {"webhooks_deliveries.due"}
"""Handlers that return no call of another function, so their own type is all there is to compare."""


def answers_of(declared: Operation[Any, Any]) -> Any:
    return Page[declared.returns] if declared.kind == "list" else declared.returns  # type: ignore[name-defined]


def mismatches(handlers: Iterable[HTTPRouteHandler]) -> list[str]:
    """Operations whose handler, or the function that it hands on the answer of, is of another type than they declare.

    A type checker lets a handler of `Endpoint` return the `EndpointDetail` that a service gave it; the answer would
    then have more than the document says.
    """
    found = []
    for endpoint in (handler.opt["endpoint"] for handler in handlers):
        wanted = answers_of(endpoint.operation)
        said = [get_type_hints(endpoint.handler).get("return"), *handed_on(endpoint.handler)]
        found += [f"{endpoint.operation.id} declares {wanted}, answers {one}" for one in said if one != wanted]
    return found


def handed_on(handler: Any) -> list[Any]:
    """The types of the calls that a handler returns the answers of."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(handler))).body
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    called = [value.value if isinstance(value, ast.Await) else value for value in values]
    return [type_of(handler, call) for call in called if isinstance(call, ast.Call)]


def type_of(handler: Any, call: ast.Call) -> Any:
    function = resolved(handler, call.func)
    if function is asyncio.to_thread:
        function = resolved(handler, call.args[0])
    return function if isinstance(function, type) else get_type_hints(function)["return"]


def resolved(handler: Any, name: ast.expr) -> Any:
    first, *rest = ast.unparse(name).split(".")
    return reduce(getattr, rest, handler.__globals__[first])


def test_every_handler_answers_what_its_operation_declares() -> None:
    assert mismatches(handler for handler in routes.HANDLERS if "endpoint" in handler.opt) == []


def test_no_route_escapes_that_comparison_unnamed() -> None:
    assert {handler.name for handler in routes.HANDLERS if "endpoint" not in handler.opt} == OTHERWISE
    endpoints = [handler.opt["endpoint"] for handler in routes.HANDLERS if "endpoint" in handler.opt]
    uncalled = {one.operation.id for one in endpoints if one.outside is None and not handed_on(one.handler)}
    assert uncalled == NO_CALL


class Thing(Struct):
    name: str


class Detail(Thing):
    secret: str


def detailed() -> Detail:
    return Detail("a", "b")


def test_an_answer_of_another_type_is_found_also_one_that_a_type_checker_lets_pass() -> None:
    @operation.operation(read("things.show", "/things/{thing}", Thing))
    async def other(frame: Frame, thing: str) -> Detail:
        return detailed()

    @operation.operation(write("things.update", "POST", "/things/{thing}", Thing))
    async def more(frame: Frame, thing: str) -> Thing:
        return detailed()

    @operation.operation(listing("things.list", "/things", Thing))
    async def bare(frame: Frame, page: PageRequest) -> Page[Detail]:
        raise AssertionError

    assert [line.split()[0] for line in mismatches([other])] == ["things.show"] * 2
    assert [line.split()[0] for line in mismatches([more])] == ["things.update"]
    assert [line.split()[0] for line in mismatches([bare])] == ["things.list"]
