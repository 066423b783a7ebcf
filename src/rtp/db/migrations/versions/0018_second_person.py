"""Who made a staff account, a token and a plan of refunds; and no refund is held that a lost dispute has taken."""

from __future__ import annotations

from rtp.db.statements import run

revision = "0018"
down_revision = "0017"

MAKERS = """
ALTER TABLE staff ADD COLUMN created_by text, ADD COLUMN created_through text;
ALTER TABLE tokens ADD COLUMN created_by text, ADD COLUMN created_through text;
ALTER TABLE refund_bulks ADD COLUMN planned_by text;
"""

CAP = """
CREATE FUNCTION refund_beyond_lost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % has captured %, of which disputes took %: % cannot be held for refunds',
        NEW.id, NEW.captured, NEW.disputes_lost, NEW.refunds_held
        USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_beyond_lost';
END;
$$;
CREATE TRIGGER refund_beyond_lost BEFORE UPDATE ON payments FOR EACH ROW
    WHEN (
        NEW.refunds_held > OLD.refunds_held AND NEW.refunds_held <= NEW.captured
        AND NEW.refunds_held + NEW.disputes_lost > NEW.captured
    )
    EXECUTE FUNCTION refund_beyond_lost();
"""


def upgrade() -> None:
    """Add the columns, empty for what was made before, and the trigger.

    The trigger is no CHECK, as the cap without disputes is: a dispute may be lost while a refund of its payment waits,
    or after it was paid, and what has happened must be noted. Only to hold more for refunds is refused then.
    """
    run(MAKERS + CAP)
