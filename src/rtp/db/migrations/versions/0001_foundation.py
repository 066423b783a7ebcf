"""Users, staff, tokens; events, audit, stored answers, plans, effects, leases; the job queue."""

from __future__ import annotations

from pathlib import Path

from alembic import context

from rtp.db.statements import run

revision = "0001"
down_revision = None

TABLES = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
    id bigint PRIMARY KEY CONSTRAINT ck_users_id CHECK (id >= 0),
    email text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CONSTRAINT ck_users_status CHECK (status IN ('active', 'suspended')),
    timezone text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX ix_users_status_id ON users (status, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_users_search ON users USING gin ((lower(email) || ' ' || lower(name)) gin_trgm_ops)
    WHERE deleted_at IS NULL;

CREATE TABLE user_directory (
    email_hash bytea PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT uq_user_directory_user_id UNIQUE
);

CREATE TABLE user_notes (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_user_notes_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_user_notes_user_id REFERENCES users (id),
    text text NOT NULL,
    author text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_user_notes_user_id_id ON user_notes (user_id, id);

CREATE TABLE staff (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT ck_staff_role CHECK (role IN ('viewer', 'support', 'operator', 'owner')),
    status text NOT NULL CONSTRAINT ck_staff_status CHECK (status IN ('active', 'disabled')),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_staff_email ON staff (lower(email));

CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT ck_tokens_role CHECK (role IN ('viewer', 'support', 'operator', 'owner')),
    staff_id uuid CONSTRAINT fk_tokens_staff_id REFERENCES staff (id),
    hash bytea NOT NULL CONSTRAINT uq_tokens_hash UNIQUE,
    last_four text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX ix_tokens_staff_id ON tokens (staff_id);

CREATE SEQUENCE events_seq;
CREATE TABLE events (
    id uuid PRIMARY KEY,
    xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    seq bigint NOT NULL DEFAULT nextval('events_seq'),
    type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    version integer NOT NULL,
    timestamp timestamptz NOT NULL,
    payload jsonb NOT NULL,
    metadata jsonb NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX ix_events_xid_seq ON events (xid, seq);
CREATE INDEX ix_events_type_id ON events (type, id);
CREATE INDEX ix_events_aggregate_id_id ON events (aggregate_id, id);

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_name text NOT NULL,
    actor_kind text NOT NULL,
    role text NOT NULL,
    operation text NOT NULL,
    target text NOT NULL,
    user_id bigint,
    reason text NOT NULL,
    request_id text NOT NULL,
    trace_id text NOT NULL,
    plan_id uuid,
    changes jsonb NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX ix_audit_actor_id ON audit (actor, id);
CREATE INDEX ix_audit_target_id ON audit (target, id);
CREATE INDEX ix_audit_user_id_id ON audit (user_id, id);

CREATE TABLE stored_answers (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    operation text NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE TABLE plans (
    id uuid PRIMARY KEY,
    operation text NOT NULL,
    principal text NOT NULL,
    request jsonb NOT NULL,
    fingerprint text NOT NULL,
    pinned_at timestamptz NOT NULL,
    seed bigint NOT NULL,
    digest text NOT NULL,
    document jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE effects (key text PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE relay_cursors (
    consumer text PRIMARY KEY,
    xid bigint NOT NULL,
    seq bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
"""

GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE UPDATE, DELETE, TRUNCATE ON events, audit FROM {role};
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role};
"""

CALLS = """
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {role}', one);
    END LOOP;
END;
$$
"""
"""The functions of extensions belong to somebody else and are everybody's; to grant them warns of each."""


def upgrade() -> None:
    """Create everything, and give the application's role what it needs."""
    run(TABLES)
    run((Path(__file__).parent / "procrastinate_3_10.sql").read_text())
    role = context.config.attributes.get("app_role", "rtp_app")
    run(GRANTS.format(role=f'"{role}"') + CALLS.format(role=f'"{role}"'))
