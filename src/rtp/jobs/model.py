"""The queue's tables as we read them; they belong to procrastinate and are changed by its own functions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

_foreign = MetaData()

jobs = Table(
    "procrastinate_jobs",
    _foreign,
    Column("id", BigInteger, primary_key=True),
    Column("queue_name", Text),
    Column("task_name", Text),
    Column("args", JSONB),
    Column("status", Text),
    Column("scheduled_at", DateTime(timezone=True)),
    Column("attempts", Integer),
)

job_events = Table(
    "procrastinate_events",
    _foreign,
    Column("id", BigInteger, primary_key=True),
    Column("job_id", BigInteger),
    Column("type", Text),
    Column("at", DateTime(timezone=True)),
)
