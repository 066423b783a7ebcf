"""What crosses the API about bulk refunds, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.operations import listing, read, write
from rtp.refunds.schemas import LimitUse, Reason

BulkState = Literal["draft", "planned", "applying", "succeeded", "partly", "failed", "canceled"]
RowState = Literal["planned", "refused", "issued", "succeeded", "failed", "canceled"]
MAX_BATCH_ROWS = 1000
"""Rows that one request may bring: their checks are one short transaction."""
MAX_ROWS = 1_000_000

Text = Annotated[str, Meta(max_length=500)]
Short = Annotated[str, Meta(max_length=100)]
Key = Annotated[str, Meta(min_length=1, max_length=200)]


class CreateBulk(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file to come, and caps: at most so many rows, at most so much of each currency and nothing of any other."""

    file: Annotated[str, Meta(min_length=1, max_length=300)]
    max_count: Annotated[int, Meta(ge=1, le=MAX_ROWS)] | None = None
    max_totals: Annotated[list[Money], Meta(max_length=50)] = []


class BulkRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """A row as it stands in the file: `amount` as `25.00`, `25.00 USD` or money; all that is left without.

    `key` names what the row is for; no two rows with one key are ever refunded, in whatever file they come.
    """

    row: Annotated[int, Meta(ge=1, le=10 * MAX_ROWS)]
    payment: Annotated[str, Meta(min_length=1, max_length=100)]
    amount: Annotated[str, Meta(min_length=1, max_length=40)] | Money | None = None
    reason: Reason
    note: Text = ""
    ticket: Short = ""
    key: Key | None = None


class RefusedRow(Struct, kw_only=True):
    """A row that cannot be refunded, and why."""

    row: int
    payment: str
    code: str
    message: str


class BulkBatch(Struct, kw_only=True):
    """What became of the rows of one batch."""

    accepted: int
    refused: list[RefusedRow]


class Bulk(Struct, kw_only=True):
    """A file of refunds: what was planned, and how far it has come.

    `rows` of the file are `accepted` or `refused`; of the accepted `done` were paid, `failed` will not be, `canceled`
    were stopped in time, `waiting` need a second person, and `left` are still to come. `total` is the money of the plan
    as a person types it to confirm; `moved` is what really went back.

    `policy_version` is the refund policy that judged the rows, 0 for none; `approvals` of the accepted will need a
    second person, and `limits` are the rolling limits of who planned it, with all rows together.

    One that is shown names its `planner`; while it is planned, `above` is the policy's amount that it is above in all,
    so that another person than who planned it must carry it out, and `warning` is why nobody may be able to.
    """

    id: str
    state: BulkState
    file: str
    rows: int
    accepted: int
    refused: int
    totals: list[Money]
    total: str
    done: int
    failed: int
    canceled: int
    waiting: int
    left: int
    moved: list[Money]
    max_count: int | None
    max_totals: list[Money]
    batches: int
    digest: str
    policy_version: int | None
    approvals: int
    limits: list[LimitUse]
    canceling: bool
    error: str
    saga_id: str | None
    created_by: str
    planned_by: str | None = None
    applied_by: str
    version: int
    created_at: datetime
    planned_at: datetime | None
    expires_at: datetime | None
    applied_at: datetime | None
    ended_at: datetime | None
    planner: str = ""
    above: Money | None = None
    warning: str = ""


class BulkOutcome(Struct, kw_only=True):
    """What became of a row: `issued` is under way, `code` and `message` say why one was not refunded.

    `approval` says that the plan foresaw a second person.
    """

    row: int
    payment: str
    amount: Money | None
    reason: str
    note: str
    ticket: str
    key: str | None
    state: RowState
    refund_id: str | None
    approval: bool
    code: str
    message: str


class ApplyBulk(Struct, kw_only=True, forbid_unknown_fields=True):
    """Carry a plan out; `again` means the rows of an earlier file once more, on purpose."""

    again: bool = False


CREATE = write("refund_bulks.create", "POST", "/refund-bulks", Bulk, body=CreateBulk, status=201)
ADD = write("refund_bulks.add", "POST", "/refund-bulks/{bulk}/rows", BulkBatch, body=BulkRow, media="ndjson")
PLAN = write("refund_bulks.plan", "POST", "/refund-bulks/{bulk}/plan", Bulk)
APPLY = write("refund_bulks.apply", "POST", "/refund-bulks/{bulk}/apply", Bulk, body=ApplyBulk, money=True)
CANCEL = write("refund_bulks.cancel", "POST", "/refund-bulks/{bulk}/cancel", Bulk)
SHOW = read("refund_bulks.show", "/refund-bulks/{bulk}", Bulk)
LIST = listing("refund_bulks.list", "/refund-bulks", Bulk)
ROWS = listing("refund_bulks.export", "/refund-bulks/{bulk}/rows", BulkOutcome)
