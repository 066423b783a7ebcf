"""Disputes and reconciliations for the filled platform."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from rtp.disputes import schemas as disputes
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.reconciliation import policy
from rtp.reconciliation import schemas as reconciliation
from rtp.reconciliation.schemas import Difference, Facts, RunReconcile
from rtp.sandbox import schemas as sandbox
from rtp.sandbox.schemas import OpenDispute
from rtp.testing.waiting import eventually

if TYPE_CHECKING:
    from rtp.testing.filled import Filled


ASIDE = """
INSERT INTO reconcile_set_aside (id, provider, noun, name, digest, difference, set_aside_by, created_at)
VALUES (uuidv7(), 'sandbox', 'refund', %(name)s, %(digest)s, %(difference)s, 'local', now()) RETURNING id
"""


def dispute(to: Filled) -> str:
    """The id of a dispute that nobody has answered."""
    payment = to.subscribed().payment
    to.write(sandbox.DISPUTE, OpenDispute(), payment=payment)
    [found] = eventually("the dispute is known", lambda: to.client.page(disputes.LIST, payment=payment).items)
    return str(found.id)


def aside(to: Filled) -> str:
    """The id of a difference that was set aside, as a reconciliation of an hour ago would have."""
    name = f"re_{uuid.uuid4().hex}"
    facts = Facts(state="succeeded", amount=Money(500, "USD"), ref=name)
    found = Difference(
        noun="refund", kind="missing_here", name=name, key=name, ours=None, theirs=facts, fix="set_aside", safe=False
    )
    values = {"name": name, "digest": policy.digest(found), "difference": msgspec.json.encode(found).decode()}
    with to.database() as connection:
        row = connection.execute(ASIDE, values).fetchone()
    assert row is not None
    return ids.show("ras", row[0])


def run(to: Filled) -> str:
    """The id of a reconciliation that carried a plan out."""
    wanted = RunReconcile(since="1h")
    planned = to.client.write(reconciliation.RUN, wanted, dry_run=True).plan
    assert planned is not None
    done = to.client.write(reconciliation.RUN, wanted, plan=planned.id, key=f"filled-{uuid.uuid4()}").value
    assert done is not None
    return done.id
