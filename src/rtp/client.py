"""The typed client of the API: over the instance's unix socket, loopback http, or https; it never repeats a write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from rtp.client_errors import (
    AnswerOfAnotherVersion,
    ApiError,
    InsecureTarget,
    OperationUnknown,
    OutcomeUnknown,
    ServerTimedOut,
    Unreachable,
    misunderstood,
    not_known_there,
    of_unknown_route,
    problem_of,
    routable,
)
from rtp.client_target import LOOPBACK, Target, connected
from rtp.errors import RtpError
from rtp.operations import Operation, Page, Plan

if TYPE_CHECKING:
    import httpx

B = TypeVar("B")
R = TypeVar("R")
BASE = "/v1"

__all__ = [
    "LOOPBACK",
    "Answer",
    "AnswerOfAnotherVersion",
    "ApiError",
    "Client",
    "InsecureTarget",
    "OperationUnknown",
    "Outcome",
    "OutcomeUnknown",
    "ServerTimedOut",
    "Target",
    "Unreachable",
    "address",
]


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What a write led to: the value, or the plan of a dry run; `replayed` marks a stored answer."""

    value: R | None
    plan: Plan | None
    replayed: bool
    request_id: str


@dataclass(frozen=True)
class Answer:
    """A raw answer of the server."""

    status: int
    content: bytes
    content_type: str
    request_id: str
    replayed: bool = False


class Client:
    """Calls operations on one server; `timeout` is in seconds and covers the wait for one answer.

    `watch` is told about each request: method, path, status, milliseconds, request id.
    """

    def __init__(
        self, target: Target, *, timeout: float = 30.0, watch: Callable[[str, str, int, int, str], None] | None = None
    ) -> None:
        self.target = target
        self.timeout = timeout
        self._watch = watch
        self._trace = os.urandom(16).hex()
        self._http = connected(target, timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, op: Operation[B, R], body: B | None = None, **params: Any) -> R:
        """One thing; `params` fill the path, the rest is the query. A body is for what is too large for a query."""
        content = None if body is None else msgspec.json.encode(body)
        answer = self._send(op.method, *address(op.path, params), content=content, changes=False, operation=op.id)
        return self._decoded(answer, op.returns)

    def page(self, op: Operation[None, R], **params: Any) -> Page[R]:
        """One page of a list."""
        answer = self._send(op.method, *address(op.path, params), operation=op.id)
        return self._decoded(answer, Page[op.returns])  # type: ignore[name-defined]

    def pages(self, op: Operation[None, R], **params: Any) -> Iterator[Page[R]]:
        """Every page of a list, from `cursor` on, asked for as it is consumed."""
        while True:
            page = self.page(op, **params)
            yield page
            if page.next is None:
                return
            params["cursor"] = page.next

    def write(
        self,
        op: Operation[B, R],
        body: B | None = None,
        *,
        key: str | None = None,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
        op_id: str = "",
        at: Mapping[str, Any] | None = None,
        lines: bytes | None = None,
        **params: Any,
    ) -> Outcome[R]:
        """One change, sent exactly once.

        `at` fills the path and the query as `params` do, also where a name is one of the control's; `lines` is the
        body of an operation that takes NDJSON; `op_id` is the journal's name of this intent, for the message when the
        answer is lost.
        Raises: ApiError, Unreachable (nothing was sent), OutcomeUnknown (sent, and no answer came).
        """
        path, query = address(op.path, {**params, **(at or {})})
        query |= _present(dry_run="true" if dry_run else None, plan=plan, reason=reason)
        content = lines if lines is not None else None if body is None else msgspec.json.encode(body)
        media = "application/json" if lines is None else "application/x-ndjson"
        answer = self._send(
            op.method, path, query, content=content, content_type=media, key=key, op_id=op_id, operation=op.id
        )
        if dry_run:
            return Outcome(None, self._decoded(answer, Plan), False, answer.request_id)
        value = self._decoded(answer, op.returns, changed=op_id or "op_…") if answer.content else None
        return Outcome(value, None, answer.replayed, answer.request_id)

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        key: str | None = None,
        op_id: str = "",
    ) -> Answer:
        """Any request; the answer as it came. `path` may leave out `/v1`."""
        full = path if path.startswith(("/v1/", "/health/", "/openapi", "/metrics")) else BASE + "/" + path.lstrip("/")
        return self._send(method, full, query or {}, content=content, content_type=content_type, key=key, op_id=op_id)

    def _decoded(self, answer: Answer, kind: type[R], *, changed: str = "") -> R:
        """The answer as the struct that is expected; `changed` is the journal's name of a write that was sent."""
        wanted: Any = Any if kind is object else kind
        try:
            return msgspec.json.decode(answer.content, type=wanted)  # type: ignore[no-any-return]
        except msgspec.MsgspecError as error:
            raise misunderstood(
                answer.status,
                self._whoami(),
                where=self.target.where,
                why=str(error),
                changed=bool(changed),
                op=changed,
                here=bool(self.target.socket),
            ) from error

    def _refuse_unknown(self, operation: str) -> None:
        here = bool(self.target.socket)
        if (unknown := not_known_there(operation, self._whoami(), where=self.target.where, here=here)) is not None:
            raise unknown

    def _whoami(self) -> bytes:
        """What the server says of itself, or nothing where it says nothing."""
        try:
            return self._exchange("GET", BASE + "/whoami", {}, None, {}, False, "").content
        except RtpError:
            return b""

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        *,
        content: bytes | None = None,
        content_type: str = "application/json",
        key: str | None = None,
        op_id: str = "",
        changes: bool = True,
        operation: str = "",
    ) -> Answer:
        headers = {"traceparent": f"00-{self._trace}-{os.urandom(8).hex()}-01"}
        headers |= _present(**{"Idempotency-Key": key, "Content-Type": content_type if content is not None else None})
        changes = changes and method != "GET" and query.get("dry_run") != "true"
        started = time.monotonic()
        response = self._exchange(method, path, query, content, headers, changes, op_id)
        request_id = response.headers.get("x-request-id", "")
        if self._watch:
            self._watch(method, path, response.status_code, int((time.monotonic() - started) * 1000), request_id)
        kind = response.headers.get("content-type", "")
        if response.is_success:
            replayed = response.headers.get("idempotency-replayed") == "true"
            return Answer(response.status_code, response.content, kind, request_id, replayed)
        problem = problem_of(response.status_code, response.content, kind, request_id)
        if problem is None and changes and response.status_code >= 500:
            raise OutcomeUnknown(where=self.target.where, op=op_id or "op_…", why=f"answer {response.status_code}")
        if operation and of_unknown_route(problem) and routable(path):
            self._refuse_unknown(operation)
        raise ApiError(problem, status=response.status_code, where=self.target.where)

    def _exchange(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        content: bytes | None,
        headers: dict[str, str],
        changes: bool,
        op_id: str,
    ) -> httpx.Response:
        import httpx  # already loaded by connected

        where, op = self.target.where, op_id or "op_…"
        try:
            return self._http.request(method, path, params=query, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(where=where, why=str(error) or "no answer to the connection") from error
        except httpx.TimeoutException as error:
            if changes:
                raise OutcomeUnknown(where=where, op=op, why=f"no answer within {self.timeout:g} s") from error
            raise ServerTimedOut(where=where, seconds=f"{self.timeout:g}") from error
        except httpx.TransportError as error:
            if changes:
                raise OutcomeUnknown(where=where, op=op, why=str(error) or "the connection was lost") from error
            raise Unreachable(where=where, why=str(error) or "the connection was lost") from error


def address(path: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Fill `{names}` of the path; what is left becomes the query, without what is None."""
    filled, rest = BASE + path, {}
    for name, value in params.items():
        hole = "{" + name + "}"
        if hole in filled:
            filled = filled.replace(hole, quote(str(value), safe="@"))
        elif value is not None:
            rest[name] = _query_value(value)
    return filled, rest


def _query_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


def _present(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
