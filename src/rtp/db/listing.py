"""Lists by keyset: a page starts after the last row's key, so it costs the same at row 10 and at row 10,000,000."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Row, Select, tuple_

from rtp.db.frame import Frame
from rtp.errors import InvalidInput
from rtp.kit import paging
from rtp.operations import Page

T = TypeVar("T")
MAX_LIMIT = 500
_RELATIVE = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of which list: `sort` is a name, with `-` in front for descending."""

    operation: str
    secret: bytes
    limit: int = 50
    cursor: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""
    filters: Mapping[str, Any] = {}


async def page_of(
    frame: Frame,
    page: PageRequest,
    query: Select[Any],
    *,
    key: ColumnElement[Any],
    time: ColumnElement[Any],
    build: Callable[[Row[Any]], T],
    sorts: Mapping[str, ColumnElement[Any]] | None = None,
    default: str = "",
) -> Page[T]:
    """One page of `query`, ordered by one of `sorts` and then by `key`, the unique column.

    Without `sorts` it can be sorted by `time` alone, which rises as the key does, and comes newest first.

    Raises: InvalidInput for a bad cursor, sort or time.
    """
    if sorts is None:
        sorts, default = {str(time.key): key}, default or f"-{time.key}"
    name = page.sort or default
    descending = name.startswith("-")
    if (column := sorts.get(name.lstrip("-"))) is None:
        raise InvalidInput(what=f"sort {name!r} is unknown; known are {', '.join(sorts)}", fields={"sort": "unknown"})
    if page.since:
        query = query.where(time >= instant_of("since", page.since, frame.now))
    if page.until:
        query = query.where(time < instant_of("until", page.until, frame.now))
    scope = repr((page.operation, name, page.since, page.until, sorted(page.filters.items())))
    order = [key] if column is key else [column, key]
    if page.cursor:
        query = query.where(_after(order, _key_of(page, scope, order), descending))
    ordered = query.order_by(*(item.desc() if descending else item.asc() for item in order)).limit(page.limit + 1)
    ordered = ordered.add_columns(*(item.label(f"_key{place}") for place, item in enumerate(order)))
    rows = await frame.all(ordered)
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    cursor = None
    if more:
        last = [msgspec.to_builtins(getattr(rows[-1], f"_key{place}")) for place in range(len(order))]
        cursor = paging.sign(page.secret, scope, last)
    return Page(items=[build(row) for row in rows], next=cursor)


def matching(query: Select[Any], *wanted: tuple[ColumnElement[Any], Any]) -> Select[Any]:
    """The query, narrowed by each (column, value) that was asked for; None and the empty text ask for nothing."""
    return query.where(*(column == value for column, value in wanted if value not in (None, "")))


def page_of_items(page: PageRequest, items: Iterable[T], key: Callable[[T], str]) -> Page[T]:
    """One page of what is in memory, such as files: by its key, which is unique and the only order there is.

    Raises: InvalidInput for a bad cursor or sort.
    """
    if page.sort not in ("", "name"):
        raise InvalidInput(what=f"sort {page.sort!r} is unknown; known is name", fields={"sort": "unknown"})
    after = ""
    if page.cursor:
        try:
            after = str(paging.verify(page.secret, page.operation, page.cursor)[0])
        except paging.BadCursor as error:
            raise InvalidInput(what=f"cursor: {error}", fields={"cursor": "not valid here"}) from error
    left = sorted((one for one in items if key(one) > after), key=key)
    shown = left[: page.limit]
    more = len(left) > len(shown)
    return Page(items=shown, next=paging.sign(page.secret, page.operation, [key(shown[-1])]) if more else None)


def instant_of(name: str, value: str, now: datetime) -> datetime:
    """An RFC 3339 instant, a date (midnight UTC), or an age such as `24h` or `7d`.

    Raises: InvalidInput, naming the parameter.
    """
    if match := _RELATIVE.match(value):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        what = f"{name} {value!r} is neither an instant (RFC 3339) nor an age such as 24h or 7d"
        raise InvalidInput(what=what, fields={name: "not a time"}) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _key_of(page: PageRequest, scope: str, order: list[ColumnElement[Any]]) -> list[Any]:
    try:
        values = paging.verify(page.secret, scope, page.cursor)
    except paging.BadCursor as error:
        raise InvalidInput(what=f"cursor: {error}", fields={"cursor": "not valid here"}) from error
    return [msgspec.convert(value, item.type.python_type) for value, item in zip(values, order, strict=True)]


def _after(order: list[ColumnElement[Any]], values: list[Any], descending: bool) -> ColumnElement[bool]:
    left, right = tuple_(*order), tuple_(*values)
    return left < right if descending else left > right
