"""Products and prices."""

from __future__ import annotations

from alembic import context

from rtp.db.statements import grant, run

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE products (
    id uuid PRIMARY KEY,
    key text NOT NULL CONSTRAINT uq_products_key UNIQUE,
    name text NOT NULL,
    kind text NOT NULL CONSTRAINT ck_products_kind
        CHECK (kind IN ('room', 'alerts', 'scanner', 'mentorship', 'course', 'indicator')),
    status text NOT NULL CONSTRAINT ck_products_status CHECK (status IN ('active', 'archived')),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE prices (
    id uuid PRIMARY KEY,
    key text NOT NULL,
    product_id uuid NOT NULL CONSTRAINT fk_prices_product_id REFERENCES products (id),
    amount bigint NOT NULL CONSTRAINT ck_prices_amount CHECK (amount > 0),
    currency text NOT NULL CONSTRAINT ck_prices_currency CHECK (currency ~ '^[A-Z]{3}$'),
    interval text NOT NULL CONSTRAINT ck_prices_interval CHECK (interval IN ('month', 'quarter', 'year')),
    interval_count integer NOT NULL CONSTRAINT ck_prices_interval_count CHECK (interval_count BETWEEN 1 AND 36),
    trial_days integer NOT NULL CONSTRAINT ck_prices_trial_days CHECK (trial_days BETWEEN 0 AND 730),
    status text NOT NULL CONSTRAINT ck_prices_status CHECK (status IN ('active', 'archived')),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_prices_key_active ON prices (key) WHERE status = 'active';
CREATE INDEX ix_prices_key_id ON prices (key, id);
CREATE INDEX ix_prices_product_id_id ON prices (product_id, id);
"""

PRICES = "GRANT SELECT, INSERT, UPDATE (status, trial_days, version, updated_at) ON prices TO {role}"
"""What a member bought cannot be rewritten: the application may archive a price and change its trial, nothing else."""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant("products")
    role = context.config.attributes.get("app_role", "rtp_app")
    run(PRICES.format(role=f'"{role}"'))
