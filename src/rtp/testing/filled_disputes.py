"""Disputes and reconciliations for the filled platform."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from rtp.disputes import schemas as disputes
from rtp.reconciliation import schemas as reconciliation
from rtp.reconciliation.schemas import RunReconcile
from rtp.sandbox import schemas as sandbox
from rtp.sandbox.schemas import OpenDispute

if TYPE_CHECKING:
    from rtp.testing.filled import Filled


def dispute(to: Filled) -> str:
    """The id of a dispute that nobody has answered."""
    from rtp.testing.filled import eventually

    payment = to.subscribed().payment
    to.write(sandbox.DISPUTE, OpenDispute(), payment=payment)
    [found] = eventually(lambda: to.client.page(disputes.LIST, payment=payment).items)
    return str(found.id)


def run(to: Filled) -> str:
    """The id of a reconciliation that carried a plan out."""
    wanted = RunReconcile(since="1h")
    planned = to.client.write(reconciliation.RUN, wanted, dry_run=True).plan
    assert planned is not None
    done = to.client.write(reconciliation.RUN, wanted, plan=planned.id, key=f"filled-{uuid.uuid4()}").value
    assert done is not None
    return done.id
