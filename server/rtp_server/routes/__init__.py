"""Every route of the API, in one list."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from rtp_server.routes import (
    audit,
    breakers,
    cache,
    chaos,
    disputes,
    entitlements,
    events,
    jobs,
    ledger,
    loadtests,
    meta,
    migrations,
    payments,
    plans,
    products,
    reconciliation,
    refunds,
    refunds_bulk,
    refunds_report,
    sagas,
    sandbox,
    slo,
    staff,
    subscriptions,
    today,
    tokens,
    users,
    webhooks_deliveries,
    webhooks_endpoints,
    webhooks_received,
)

HANDLERS: tuple[HTTPRouteHandler, ...] = (
    *meta.HANDLERS,
    *users.HANDLERS,
    *staff.HANDLERS,
    *tokens.HANDLERS,
    *products.HANDLERS,
    *subscriptions.HANDLERS,
    *entitlements.HANDLERS,
    *payments.HANDLERS,
    *refunds.HANDLERS,
    *refunds_bulk.HANDLERS,
    *refunds_report.HANDLERS,
    *disputes.HANDLERS,
    *reconciliation.HANDLERS,
    *sagas.HANDLERS,
    *sandbox.HANDLERS,
    *ledger.HANDLERS,
    *today.HANDLERS,
    *slo.HANDLERS,
    *loadtests.HANDLERS,
    *breakers.HANDLERS,
    *cache.HANDLERS,
    *chaos.HANDLERS,
    *audit.HANDLERS,
    *events.HANDLERS,
    *jobs.HANDLERS,
    *migrations.HANDLERS,
    *plans.HANDLERS,
    *webhooks_received.HANDLERS,
    *webhooks_endpoints.HANDLERS,
    *webhooks_deliveries.HANDLERS,
)
"""Under /v1."""

OPEN_HANDLERS: tuple[HTTPRouteHandler, ...] = meta.OPEN_HANDLERS
"""At the root: health, metrics and the OpenAPI document's neighbours."""
