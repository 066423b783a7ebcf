"""The one metadata that all tables belong to, and columns that many of them have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, MetaData, Text, Uuid, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def uuid_key() -> Column[Any]:
    """Primary key of everything but users: a UUIDv7 made in Python."""
    return Column("id", Uuid, primary_key=True)


def user_column() -> Column[Any]:
    """The owner of the row; its index (user_id, id) is declared by the table."""
    return Column("user_id", BigInteger, CheckConstraint("user_id >= 0", name="user_id"), nullable=False)


def version_column() -> Column[Any]:
    """Counts the changes of an aggregate; taken by UPDATE … SET version = version + 1 … RETURNING."""
    return Column("version", Integer, nullable=False, server_default="1")


def one_of(name: str, *words: str, default: str | None = None) -> Column[Any]:
    """A text that is one of these words, which the CHECK under the column's name holds."""
    known = "', '".join(words)
    check = CheckConstraint(f"{name} IN ('{known}')", name=name)
    return Column(name, Text, check, nullable=False, server_default=default)


def instant(name: str, *, nullable: bool = False, now: bool = False) -> Column[Any]:
    """A UTC instant."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)
