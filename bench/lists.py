"""What a page of a long list costs far behind its beginning, against one at its beginning."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from bench import platform
from bench.frame import Case, Measured, NotMeasured, alternately
from rtp.operations import Page

NEAR, FAR = 10, 200_000
PAGE = 50
REQUESTS = 10
MOST = 500
FILL = """
INSERT INTO users (id, email, name, status, timezone, version, created_at, updated_at)
SELECT n, 'm' || n || '@example.com', 'M', 'active', 'UTC', 1, t, t
FROM generate_series(1, %(rows)s) n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 second') AS at(t)
ON CONFLICT DO NOTHING
"""


def far_page(quick: bool) -> Measured:
    """A page of `users.list` at row 200,000 and at row 10 by turns, over the instance's socket."""
    instance = platform.shared()
    with platform.database(instance) as connection:
        connection.execute(FILL, {"rows": FAR + MOST})
        connection.execute("VACUUM (ANALYZE) users")
    with platform.client(instance) as client:
        near, far = cursor_at(client, NEAR), cursor_at(client, FAR)
        return Measured(alternately(lambda: pages(client, far), lambda: pages(client, near), pairs=7 if quick else 60))


def cursor_at(client: httpx.Client, row: int) -> str:
    """The cursor behind a row, as whoever reads the whole list comes to it."""
    cursor, read = "", 0
    while read < row:
        found = page(client, cursor, min(MOST, row - read))
        cursor, read = found.next or "", read + len(found.items)
        if not cursor:
            raise NotMeasured(f"the list ends at row {read}")
    return cursor


def pages(client: httpx.Client, cursor: str) -> None:
    """A few full pages from one cursor, for a time that can be measured."""
    for _ in range(REQUESTS):
        found = page(client, cursor, PAGE)
        if len(found.items) != PAGE:
            raise NotMeasured(f"a page of {PAGE} has {len(found.items)} rows")


def page(client: httpx.Client, cursor: str, limit: int) -> Page[Any]:
    """One page, oldest member first."""
    answer = client.get("/users", params={"limit": limit, "cursor": cursor, "sort": "created_at"})
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=Page[Any])


CASES = [Case("list-far", f"the same list of members at row {NEAR}, ours at row {FAR:,}", 1.2, "lower", far_page)]
