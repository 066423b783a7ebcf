"""Prometheus metrics of the API, by the names of the platform's plan.

Where several processes answer on one socket, each keeps its counts in a file of its own, and whoever is scraped adds
all of them up; those of a process that ended stay, so no count ever falls before the next start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from rtp.breakers.schemas import Breaker
from rtp.runtime.instance import SHARED_METRICS

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


class Figures(Struct, frozen=True, kw_only=True):
    """What is counted over rows, so that it agrees whichever process is asked.

    `failures` are payments by reason and provider, `refunds` those that are not settled or failed, by state; the rules
    are those of money, as the last look found them.
    """

    active_subscriptions: int = 0
    failures: Sequence[tuple[str, str, int]] = ()
    breakers: Sequence[Breaker] = ()
    refunds: Mapping[str, int] = {}
    sagas_stuck: int = 0
    sagas_late: int = 0
    rules_broken: int = 0
    rules_unjudged: int = 0


def webhook(provider: str, result: Literal["taken", "repeated", "forged", "stale"]) -> None:
    """Count one webhook; of a refused one this is all that is kept."""
    WEBHOOKS.labels(provider, result).inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request."""
    REQUESTS.labels(method, route, str(status)).observe(seconds)


def exposition(figures: Figures) -> bytes:
    """The text format that Prometheus scrapes; what the database counts comes from the database at each scrape."""
    counted = CollectorRegistry()
    counted.register(_Counted(figures))
    return generate_latest(_own()) + generate_latest(counted)


def _own() -> CollectorRegistry:
    """The counts of this process, or of all that share the socket."""
    if not os.environ.get(SHARED_METRICS):
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def families() -> list[Metric]:
    """Every family that a scrape can show, also those of which there is nothing yet."""
    return [*REGISTRY.collect(), *_Counted(Figures()).collect()]


class _Counted:
    """The figures as families."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        """The families, in the client library's form."""
        active = "Subscriptions that are trialing, active or past due."
        yield GaugeMetricFamily("active_subscriptions_total", active, value=self.figures.active_subscriptions)
        failed = "Payments that the provider did not take."
        family = CounterMetricFamily("payment_failures_total", failed, labels=["reason", "provider"])
        for reason, provider, count in self.figures.failures:
            family.add_metric([reason, provider], count)
        yield family
        yield from self._money()
        yield from self._breakers()

    def _money(self) -> Iterator[Metric]:
        words = "Refunds that are under way, wait for a person, or failed, by state."
        refunds = GaugeMetricFamily("refunds", words, labels=["state"])
        for state, count in self.figures.refunds.items():
            refunds.add_metric([state], count)
        yield refunds
        stuck = "Sagas that no retry can bring on."
        yield GaugeMetricFamily("sagas_stuck", stuck, value=self.figures.sagas_stuck)
        late = "Sagas that have waited for their turn for over 10 minutes."
        yield GaugeMetricFamily("sagas_late", late, value=self.figures.sagas_late)
        rules = "Rules of money that did not hold at the last look."
        yield GaugeMetricFamily("invariants_broken", rules, value=self.figures.rules_broken)
        unjudged = "Rules of money that could not be judged at the last look."
        yield GaugeMetricFamily("invariants_unjudged", unjudged, value=self.figures.rules_unjudged)

    def _breakers(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "breaker_state", "Circuit breakers: 0 closed, 1 half-open, 2 open.", labels=["name", "process"]
        )
        calls = CounterMetricFamily(
            "breaker_calls", "Calls through circuit breakers, by how they ended.", labels=["name", "process", "outcome"]
        )
        for one in self.figures.breakers:
            state.add_metric([one.name, one.process], CIRCUITS[one.circuit])
            for outcome, count in one.calls.items():
                calls.add_metric([one.name, one.process, outcome], count)
        yield from (state, calls)
