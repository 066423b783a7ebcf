"""Prometheus metrics of the API process, by the names of the platform's plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from rtp.breakers.schemas import Breaker

CIRCUITS = {"closed": 0, "half_open": 1, "open": 2}
REGISTRY = CollectorRegistry()
REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["method", "route", "status_code"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
HISTORY_DROPPED = Counter(
    "request_history_dropped_total",
    "Requests that are missing in the stored history, because the database took none for too long.",
    registry=REGISTRY,
)
WEBHOOKS = Counter(
    "webhooks_received_total",
    "Webhooks of providers: taken, repeated, or refused as forged or stale.",
    ["provider", "result"],
    registry=REGISTRY,
)


def webhook(provider: str, result: Literal["taken", "repeated", "forged", "stale"]) -> None:
    """Count one webhook; of a refused one this is all that is kept."""
    WEBHOOKS.labels(provider, result).inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request."""
    REQUESTS.labels(method, route, str(status)).observe(seconds)


def exposition(
    active_subscriptions: int, failures: Iterable[tuple[str, str, int]], breakers: Sequence[Breaker] = ()
) -> bytes:
    """The text format that Prometheus scrapes; what the database counts comes from the database at each scrape."""
    counted = CollectorRegistry()
    counted.register(_Counted(active_subscriptions, list(failures), breakers))
    return generate_latest(REGISTRY) + generate_latest(counted)


def families() -> list[Metric]:
    """Every family that a scrape can show, also those of which there is nothing yet."""
    return [*REGISTRY.collect(), *_Counted(0, [], []).collect()]


class _Counted:
    """Figures that are counted over rows, so that they agree whichever process is asked."""

    def __init__(self, active: int, failures: list[tuple[str, str, int]], breakers: Sequence[Breaker]) -> None:
        self.active = active
        self.failures = failures
        self.breakers = breakers

    def collect(self) -> Iterator[Metric]:
        """The families, in the client library's form."""
        active = "Subscriptions that are trialing, active or past due."
        yield GaugeMetricFamily("active_subscriptions_total", active, value=self.active)
        failed = "Payments that the provider did not take."
        family = CounterMetricFamily("payment_failures_total", failed, labels=["reason", "provider"])
        for reason, provider, count in self.failures:
            family.add_metric([reason, provider], count)
        yield family
        yield from self._breakers()

    def _breakers(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "breaker_state", "Circuit breakers: 0 closed, 1 half-open, 2 open.", labels=["name", "process"]
        )
        calls = CounterMetricFamily(
            "breaker_calls", "Calls through circuit breakers, by how they ended.", labels=["name", "process", "outcome"]
        )
        for one in self.breakers:
            state.add_metric([one.name, one.process], CIRCUITS[one.circuit])
            for outcome, count in one.calls.items():
                calls.add_metric([one.name, one.process, outcome], count)
        yield from (state, calls)
