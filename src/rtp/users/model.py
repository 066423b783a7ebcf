"""Tables of users."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, LargeBinary, Table, Text, text

from rtp.db.base import instant, metadata, one_of, user_column, uuid_key, version_column

users = Table(
    "users",
    metadata,
    Column("id", BigInteger, CheckConstraint("id >= 0", name="id"), primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    one_of("status", "active", "suspended"),
    Column("timezone", Text, nullable=False),
    version_column(),
    instant("created_at"),
    instant("updated_at"),
    instant("deleted_at", nullable=True),
    instant("email_changed_at", nullable=True),
    Index("ix_users_status_id", "status", "id", postgresql_where=text("deleted_at IS NULL")),
    Index(
        "ix_users_search",
        text("(lower(email) || ' ' || lower(name)) gin_trgm_ops"),
        postgresql_using="gin",
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

user_directory = Table(
    "user_directory",
    metadata,
    Column("email_hash", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, nullable=False, unique=True),
)
"""Global: SHA-256 of the case-folded e-mail, the unique key of e-mails among users that are not deleted."""

user_notes = Table(
    "user_notes",
    metadata,
    uuid_key(),
    user_column(),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    instant("created_at"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    Index("ix_user_notes_user_id_id", "user_id", "id"),
)
