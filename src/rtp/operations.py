"""An operation of the API, declared once and used by the server's route, the client and the command.

Each area lists its operations at the end of its `schemas.py`. The id is also the permission's name.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar, overload

import msgspec

B = TypeVar("B")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Kind = Literal["read", "list", "write"]
Media = Literal["json", "ndjson"]


class Operation(msgspec.Struct, Generic[B, R], frozen=True):
    """One entry of the API: `body` and `returns` are msgspec types; a list returns the type of one item.

    `money` makes the Idempotency-Key required. `status` is the HTTP status of success. `media` says how the body
    travels: JSON of `body`, or NDJSON with one `body` a line, handed to the service as bytes. `secret` names a field
    of the answer that is shown once: it is neither stored, planned nor replayed.
    """

    id: str
    method: Method
    path: str
    returns: type[R]
    body: type[B] | None = None
    kind: Kind = "write"
    money: bool = False
    status: int = 200
    media: Media = "json"
    secret: str = ""

    @property
    def area(self) -> str:
        """The noun before the dot."""
        return self.id.partition(".")[0]


def read(id: str, path: str, returns: type[R]) -> Operation[None, R]:
    """GET of one thing."""
    return Operation(id, "GET", path, returns, kind="read")


def listing(id: str, path: str, returns: type[R]) -> Operation[None, R]:
    """GET of a page; `returns` is the type of one item."""
    return Operation(id, "GET", path, returns, kind="list")


@overload
def write(
    id: str,
    method: Method,
    path: str,
    returns: type[R],
    *,
    body: type[B],
    money: bool = ...,
    status: int = ...,
    media: Media = ...,
    secret: str = ...,
) -> Operation[B, R]: ...
@overload
def write(
    id: str,
    method: Method,
    path: str,
    returns: type[R],
    *,
    money: bool = ...,
    status: int = ...,
    secret: str = ...,
) -> Operation[None, R]: ...
def write(
    id: str,
    method: Method,
    path: str,
    returns: type[R],
    *,
    body: Any = None,
    money: bool = False,
    status: int = 200,
    media: Media = "json",
    secret: str = "",
) -> Operation[Any, R]:
    """A change; runs in one frame, knows `dry_run`, `plan` and the Idempotency-Key."""
    return Operation(id, method, path, returns, body=body, money=money, status=status, media=media, secret=secret)


class Page(msgspec.Struct, Generic[R_co], kw_only=True):
    """A page of a list: `next` is the signed cursor of the following page, null on the last."""

    items: list[R_co]
    next: str | None = None


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that a write changes: the event's type, its target, and the thing before and after."""

    type: str
    target: str
    before: Any = None
    after: Any = None


class Ask(msgspec.Struct, kw_only=True):
    """Work that a write queues: the job's name, and what it will ask of whom."""

    job: str
    args: dict[str, Any]


class Plan(msgspec.Struct, kw_only=True):
    """What a dry run found: a write that was carried out and rolled back, to be committed by `--plan ID`.

    `digest` covers `changes`, `jobs` and the answer; the plan is used once and ends at `expires_at`.
    """

    id: str
    operation: str
    created_at: str
    expires_at: str
    digest: str
    changes: list[Change]
    jobs: list[Ask]
    result: Any = None
