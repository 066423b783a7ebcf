"""Tables of products and prices; both are global: they belong to no user."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

products = Table(
    "products",
    metadata,
    uuid_key(),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    one_of("kind", "room", "alerts", "scanner", "mentorship", "course", "indicator"),
    one_of("status", "active", "archived"),
    version_column(),
    instant("created_at"),
    instant("updated_at"),
)

prices = Table(
    "prices",
    metadata,
    uuid_key(),
    Column("key", Text, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"), nullable=False),
    one_of("interval", "month", "quarter", "year"),
    Column(
        "interval_count",
        Integer,
        CheckConstraint("interval_count BETWEEN 1 AND 36", name="interval_count"),
        nullable=False,
    ),
    Column("trial_days", Integer, CheckConstraint("trial_days BETWEEN 0 AND 730", name="trial_days"), nullable=False),
    one_of("status", "active", "archived"),
    version_column(),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["product_id"], ["products.id"]),
    Index("uq_prices_key_active", "key", unique=True, postgresql_where=text("status = 'active'")),
    Index("ix_prices_key_id", "key", "id"),
    Index("ix_prices_product_id_id", "product_id", "id"),
)
"""Key, amount, currency and interval of a row never change: the application's role may not even update them."""
