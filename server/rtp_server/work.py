"""What the worker does: every kind of job and every consumer of events, in two lists."""

from __future__ import annotations

from functools import partial
from typing import Any

from rtp.cache import policy as cache_policy
from rtp.cache import service as cache
from rtp.disputes import jobs as dispute_jobs
from rtp.disputes import losses
from rtp.events.relay import Consumer
from rtp.invariants import jobs as invariant_jobs
from rtp.jobs import jobs as job_jobs
from rtp.jobs.spec import JobSpec
from rtp.migrations import jobs as migration_jobs
from rtp.payments import jobs as payment_jobs
from rtp.reconciliation import jobs as reconciliation_jobs
from rtp.refund_bulks import jobs as bulk_jobs
from rtp.refund_bulks import steps as bulk_steps
from rtp.refunds import jobs as refund_jobs
from rtp.sagas import jobs as saga_jobs
from rtp.sagas.spec import Definition
from rtp.subscriptions import jobs as subscription_jobs
from rtp.telemetry import jobs as telemetry_jobs
from rtp.webhooks import deliveries as webhook_deliveries
from rtp.webhooks import payload as webhook_payload
from rtp.webhooks import received_jobs as webhook_jobs
from rtp.webhooks import sent_jobs as webhook_sent_jobs

SAGAS: tuple[Definition, ...] = (bulk_steps.SAGA,)
"""Every saga that this version can advance; one of another version is left to a worker that knows it."""

JOBS: tuple[JobSpec, ...] = (
    *dispute_jobs.JOBS,
    *invariant_jobs.JOBS,
    *job_jobs.JOBS,
    *migration_jobs.JOBS,
    *payment_jobs.JOBS,
    *reconciliation_jobs.JOBS,
    *bulk_jobs.JOBS,
    *refund_jobs.JOBS,
    *saga_jobs.jobs(SAGAS),
    *subscription_jobs.JOBS,
    *telemetry_jobs.JOBS,
    *webhook_jobs.JOBS,
    *webhook_sent_jobs.JOBS,
)
"""Every kind of job."""


def consumers(services: dict[str, Any]) -> tuple[Consumer, ...]:
    """Every consumer of events, with the connections it needs."""
    known = [
        Consumer("disputes", losses.LET_GO.__contains__, inside=losses.queue),
        Consumer(
            "subscriptions",
            subscription_jobs.SETTLED.__contains__,
            inside=subscription_jobs.queue_settlements,
        ),
        Consumer("webhooks", webhook_payload.is_sent, inside=webhook_deliveries.spread),
    ]
    if "cache" in services:
        known.append(Consumer("cache", cache_policy.wants, outside=partial(cache.invalidate, services["cache"])))
    return tuple(known)
