"""What a server says to a path or method that it does not know: by it a newer client tells what it met."""

from __future__ import annotations

import httpx
import pytest

from rtp.client import address
from rtp.client_errors import of_unknown_route, problem_of, routable
from rtp.errors import Problem


async def told(api: httpx.AsyncClient, method: str, path: str) -> Problem:
    """The problem that is answered."""
    answer = await api.request(method, path)
    problem = problem_of(answer.status_code, answer.content, answer.headers["content-type"], "")
    assert problem is not None, answer.text
    return problem


@pytest.mark.parametrize("method, path, status", [("GET", "/v1/moon", 404), ("POST", "/v1/users/x/moon", 404)])
async def test_a_path_that_is_not_there_is_named(api: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    problem = await told(api, method, path)
    assert (problem.status, problem.detail) == (status, f"There is no path {path}.")
    assert of_unknown_route(problem)


async def test_a_method_that_a_path_does_not_have_is_an_unknown_route_too(api: httpx.AsyncClient) -> None:
    assert of_unknown_route(await told(api, "DELETE", "/v1/refunds"))


@pytest.mark.parametrize(
    "path",
    ["/v1/users/nobody@example.com", "/v1/refunds/rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "/v1/chaos/runs/run_none"],
)
async def test_a_thing_that_is_not_there_is_no_unknown_route(api: httpx.AsyncClient, path: str) -> None:
    problem = await told(api, "GET", path)
    assert problem.status == 404
    assert not of_unknown_route(problem)


@pytest.mark.parametrize("value, can", [("a", True), ("a b@c", True), ("a/b", False), ("..", False), ("", False)])
def test_a_value_that_is_no_segment_of_a_path_says_nothing_of_the_server(value: str, can: bool) -> None:
    assert routable(address("/cache/{key}", {"key": value})[0]) is can
