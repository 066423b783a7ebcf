"""Prometheus metrics of the API process, by the names of the platform's plan."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["method", "route", "status_code"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
ACTIVE_SUBSCRIPTIONS = Gauge(
    "active_subscriptions_total", "Subscriptions that are trialing, active or past due.", registry=REGISTRY
)
PAYMENT_FAILURES = Counter(
    "payment_failures_total", "Payments that the provider did not take.", ["reason", "provider"], registry=REGISTRY
)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request."""
    REQUESTS.labels(method, route, str(status)).observe(seconds)


def exposition() -> bytes:
    """The text format that Prometheus scrapes."""
    return generate_latest(REGISTRY)
