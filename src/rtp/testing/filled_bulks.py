"""Bulk refunds and sagas for a filled platform: a file to plan, a plan to apply, a saga that stands still."""

from __future__ import annotations

import uuid
from pathlib import Path

from rtp.kit import ids
from rtp.kit.ids import IdSource
from rtp.refund_bulks import schemas
from rtp.refund_bulks.schemas import ApplyBulk, CreateBulk
from rtp.testing.filled import Filled
from rtp.testing.waiting import eventually

_SAGA = """
    INSERT INTO sagas (id, name, definition_version, subject, data, state, direction, page_after, created_by,
        created_at, deadline_at, next_at)
    VALUES (%(saga)s, 'refund_bulks', 999, 'test', '{}', 'running', 'forward', 8, 'local',
        now(), now() + '1 day', now())
"""
_STEP = """
    INSERT INTO saga_steps (id, saga_id, place, name, kind, state) VALUES (%(id)s, %(saga)s, 0, 'wait', 'reversible',
        'running')
"""


def file(filled: Filled) -> str:
    """The path of a file with one refund of a payment that nobody else was given."""
    path = filled.platform.folder / f"refunds-{uuid.uuid4()}.csv"
    path.write_text(f"payment,amount,reason,ticket\n{filled.subscribed().payment},1.00,duplicate,T-1\n")
    return str(path)


def plan(filled: Filled) -> str:
    """The id of a plan of one refund."""
    bulk = str(filled.write(schemas.CREATE, CreateBulk(file=Path("refunds.csv").name)).id)
    row = f'{{"row": 2, "payment": "{filled.subscribed().payment}", "amount": "1.00", "reason": "duplicate"}}'
    filled.client.write(schemas.ADD, lines=row.encode(), key=f"filled-{bulk}", at={"bulk": bulk, "batch": 1})
    filled.write(schemas.PLAN, bulk=bulk)
    return bulk


def applied(filled: Filled) -> str:
    """The id of a bulk refund that was carried out."""
    bulk = plan(filled)
    filled.write(schemas.APPLY, ApplyBulk(), bulk=bulk)
    eventually("the bulk is carried out", lambda: filled.client.read(schemas.SHOW, bulk=bulk).state == "succeeded")
    return bulk


def saga(filled: Filled) -> str:
    """The id of a saga that is left alone, as its version is not known."""
    saga, step = IdSource().uuid(), IdSource().uuid()
    with filled.database() as connection:
        connection.execute(_SAGA, {"saga": saga})
        connection.execute(_STEP, {"id": step, "saga": saga})
    return ids.show("saga", saga)
