"""The API under made-up requests: as the owner, and as a viewer, who changes nothing whatever is sent."""

from __future__ import annotations

import json
import uuid
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.permissions import Permissions
from rtp.testing import filled as filling
from rtp.testing import filled_bulks, filled_disputes, filled_refunds, filled_webhooks
from rtp.testing.filled import ADA, PRICE, Filled, tables
from rtp.testing.waiting import eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # other packages' deprecations, seen when it is first imported
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS, load_all_checks
    from schemathesis.core.failures import FailureGroup

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARE = 0.8
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""What every answer is held to. That made-up data is accepted is not: a made-up member does not exist."""
OF_THE_PLATFORM = ("procrastinate_", "requests", "schema_lock", "webhooks_attempts")
"""Tables that the platform itself writes at all times: its jobs' heartbeats, requests, attempts to deliver."""


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx: Any, value: Any) -> bytes:
    """NDJSON is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with filling.filled(tmp_path_factory.mktemp("fuzzed"), EXAMPLES) as made:
        yield made


class Known:
    """Real values for names of path parameters, query parameters and fields."""

    def __init__(self, platform: Filled) -> None:
        paid = [platform.subscribed() for _ in range(8)]
        self.values: dict[str, list[str]] = {
            "user": [ADA, platform.ids["usr"], *(one.email for one in paid)],
            "subscription": [one.subscription for one in paid] + [platform.paused()],
            "payment": [platform.ids["pay"], *(one.payment for one in paid)],
            "method": [platform.ids["pm"], *(one.method for one in paid)],
            "job": [platform.ids["job"], *(platform.dead_job() for _ in range(3))],
            "plan": [platform.plan() for _ in range(4)],
            "token": [platform.token().id for _ in range(2)],
            "staff": [platform.ids["stf"], platform.colleague()],
            "refund": [
                platform.ids["rfd"],
                *(filled_refunds.waiting(platform) for _ in range(6)),
                *(filled_refunds.failed(platform) for _ in range(2)),
            ],
            "dispute": [platform.ids["dsp"], *(filled_disputes.dispute(platform) for _ in range(4))],
            "aside": [platform.ids["ras"], *(filled_disputes.aside(platform) for _ in range(4))],
            "bulk": [filled_bulks.applied(platform), *(filled_bulks.plan(platform) for _ in range(5))],
            "saga": [filled_bulks.saga(platform) for _ in range(6)],
            "breaker": ["provider:sandbox"],
            "entitlement": [platform.ids["ent"]],
            "entry": [platform.ids["aud"]],
            "run": [platform.ids["run"], platform.load_run(), platform.ids["rec"], platform.ids["rec"]],
            "product": ["day-trading-room", "explosive-swings"],
            "price": [PRICE, "alerts-only-monthly"],
            "key": ["prices.show:day-trading-room-monthly"],
            "tag": ["products", "prices"],
            "event": [platform.ids["whr"], *(platform.webhook() for _ in range(3))],
            "endpoint": [filled_webhooks.endpoint(platform, disabled=number % 4 == 0) for number in range(40)],
            "delivery": [platform.ids["whd"]],
            "url": ["https://hooks.invalid/rtp"],
            "card": ["visa"],
            "timezone": ["UTC", "Europe/London"],
            "email": [platform.e_mail() for _ in range(40)],
        }

    def fill(self, case: Any, draw: Any) -> None:
        """Put real values into most requests; what remains made up must be refused well."""
        if not draw(st.sampled_from([True, True, True, False])):
            return
        for name in case.path_parameters or {}:
            if name in self.values:
                case.path_parameters[name] = draw(st.sampled_from(self.values[name]))
        if case.query:
            case.query = {name: value for name, value in case.query.items() if name in ("dry_run", "limit", "reason")}
        if case.media_type == "application/x-ndjson":
            row = {"row": 1, "email": draw(st.sampled_from(self.values["email"]))}
            case.body = json.dumps(row | ({"name": "Some Body"} if "users" in case.path else {"price": PRICE}))
        elif isinstance(case.body, dict):
            for name in case.body:
                if name in self.values and isinstance(case.body[name], str):
                    case.body[name] = draw(st.sampled_from(self.values[name]))


class Fuzzing:
    """Sends made-up requests to every operation as one principal and keeps what came of them."""

    def __init__(self, platform: Filled, token: str, examples: int, *, steady: bool) -> None:
        document = httpx.get(f"{platform.platform.url}/openapi.json", timeout=30).json()
        self.schema: Any = schemathesis.openapi.from_dict(document)
        self.base = platform.platform.url
        self.headers = {"Authorization": f"Bearer {token}"}
        self.known = Known(platform)
        self.statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self.failures: dict[str, str] = {}
        self.settings = settings(
            max_examples=examples, phases=[Phase.generate], database=None, deadline=None, derandomize=steady,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        load_all_checks()
        self.checks = list(CHECKS.get_by_names(list(CHECKED)))

    def run(self) -> None:
        """Every operation, with data that fits its schema and with data that does not."""
        for found in self.schema.get_all_operations():
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                    self._attack(operation, strategy, fitting=mode is GenerationMode.POSITIVE)
                except schemathesis.errors.InvalidSchema:
                    raise
                except Exception as error:
                    if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
                        raise

    def _attack(self, operation: Any, strategy: Any, *, fitting: bool) -> None:
        @self.settings
        @given(st.data())
        def attack(data: Any) -> None:
            case = data.draw(strategy)
            if fitting:
                self.known.fill(case, data.draw)
            self.send(operation.definition.raw["operationId"], case)

        attack()

    def send(self, operation: str, case: Any) -> None:
        """Send one and look at the answer."""
        headers = self.headers | ({"Idempotency-Key": str(uuid.uuid4())} if case.method != "GET" else {})
        response = case.call(base_url=self.base, headers=headers, timeout=60)
        self.statuses[operation][response.status_code] += 1
        try:
            case.validate_response(response, checks=self.checks)
        except FailureGroup as group:
            said = "; ".join(f"{one.title}: {one.message}" for one in group.exceptions)
            self.failures.setdefault(f"{operation} {response.status_code}", f"{said}\n{case.as_curl_command()[:600]}")

    def judge(self) -> None:
        """Fail with one request for each kind of failure of each operation."""
        if self.failures:
            pytest.fail("\n\n".join(f"{name}: {why}" for name, why in self.failures.items()), pytrace=False)

    def reached(self, operations: set[str]) -> set[str]:
        """Those that answered with a 2xx at least once."""
        return {name for name in operations if any(200 <= status < 300 for status in self.statuses[name])}


def report(name: str, fuzzing: Fuzzing, wanted: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    requests = sum(sum(counter.values()) for counter in fuzzing.statuses.values())
    missing = wanted - fuzzing.reached(wanted)
    with capsys.disabled():
        print(f"\n{name}: {requests} requests; {len(wanted) - len(missing)} of {len(wanted)} operations reached a 2xx")
        print(f"not reached: {', '.join(sorted(missing)) or 'none'}")


@pytest.mark.prove("fuzz", sample=True)
def test_a_viewer_changes_nothing_whatever_is_sent(
    platform: Filled, sampled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    token = platform.token("viewer").token
    fuzzing = Fuzzing(platform, token, 3 if sampled else 25, steady=sampled)
    before = settled(platform)
    fuzzing.run()
    after = settled(platform)
    permissions = Permissions()
    wanted = {name for name in fuzzing.statuses if name.startswith("health.") or permissions.allows("viewer", name)}
    report("viewer", fuzzing, wanted, capsys)
    fuzzing.judge()
    assert after == before
    refused = set(fuzzing.statuses) - wanted
    assert fuzzing.reached(refused) == set()
    assert len(fuzzing.reached(wanted)) >= SHARE * len(wanted)


@pytest.mark.prove("fuzz", sample=True)
def test_as_the_owner_most_operations_succeed_and_none_breaks_its_schema(
    platform: Filled, sampled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    fuzzing = Fuzzing(platform, platform.platform.token, 5 if sampled else 40, steady=sampled)
    fuzzing.run()
    report("owner", fuzzing, set(fuzzing.statuses), capsys)
    fuzzing.judge()
    assert len(fuzzing.reached(set(fuzzing.statuses))) >= SHARE * len(fuzzing.statuses)
    assert platform.platform.json("ledger", "check")["state"] == "held"


def settled(platform: Filled) -> dict[str, int]:
    """The rows of the business's tables, once no job is under way that writes them."""
    eventually(
        "no payment is under way",
        lambda: not platform.platform.json("jobs", "list", "--state", "waiting", "--queue", "provider"),
    )
    eventually("all was told", lambda: platform.platform.json("sandbox", "show")["events_waiting"] == 0)
    return {name: count for name, count in tables(platform).items() if not name.startswith(OF_THE_PLATFORM)}
