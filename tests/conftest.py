"""What every test gets: the fixtures of rtp.testing, the level it belongs to, and the long proofs set apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes is the machine's business, not the property's
settings.register_profile("rtp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rtp")

SUITES = ("races", "kills", "mutants", "experiments", "install", "fuzz")
SERVERS = {"services"}
RANKS = {"acceptance": 0, "runtime": 0, "docs": 2, "unit": 2}
"""When the files of a level have their turn where several processes share them."""
TESTS = Path(__file__).parent

_tests_per_level: Counter[str] = Counter()
_seconds_per_suite: dict[str, float] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rtp")
    group.addoption("--prove", choices=[*SUITES, "all"], help="run the long proofs of one suite, or of all")
    group.addoption("--sample", action="store_true", help="of the proofs, only the bounded share that CI runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties.append(("level", level(item)))
    wanted = config.getoption("--prove")
    kept = [item for item in items if suite_of(item) is not None and wanted in (suite_of(item), "all")]
    if wanted is None:
        kept = [item for item in items if suite_of(item) is None]
    elif config.getoption("--sample"):
        kept = sample(kept)
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if hasattr(config, "workerinput"):
        longest_first(items)


def longest_first(items: list[pytest.Item]) -> None:
    """Files that start platforms first, those that start nothing last: so no worker ends alone with a long one."""
    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(ranks.get(item.path, 2), RANKS.get(level(item), 1))
    items.sort(key=lambda item: ranks[item.path])


def suite_of(item: pytest.Item) -> str | None:
    """The suite of a proof, None for a test of the plain run."""
    marker = item.get_closest_marker("prove")
    if marker is None:
        return None
    suite = str(marker.args[0])
    if suite not in SUITES:
        raise pytest.UsageError(f"{item.nodeid}: unknown suite {suite!r}, one of {', '.join(SUITES)}")
    if ("suite", suite) not in item.user_properties:
        item.user_properties.append(("suite", suite))
    return suite


def sample(proofs: list[pytest.Item]) -> list[pytest.Item]:
    """The proofs marked as the bounded share; of a suite that marks none, the first, so that each suite is seen."""
    marked = [item for item in proofs if any(marker.kwargs.get("sample") for marker in item.iter_markers("prove"))]
    seen = {suite_of(item) for item in marked}
    firsts: dict[str | None, pytest.Item] = {}
    for item in proofs:
        firsts.setdefault(suite_of(item), item)
    return marked + [item for suite, item in firsts.items() if suite not in seen]


def level(item: pytest.Item) -> str:
    """Where a test stands: alone, with a database, through real processes, or over the documentation."""
    if item.get_closest_marker("prove"):
        return "proof"
    area = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else "plugins"
    fixtures = set(getattr(item, "fixturenames", ()))
    if area == "acceptance" or "instance" in fixtures:
        return "acceptance"
    if area in ("docs", "runtime", "cli", "plugins"):
        return area
    return "integration" if fixtures & SERVERS else "unit"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties = {name: str(value) for name, value in report.user_properties}
    if report.when == "call":
        _tests_per_level[properties["level"]] += 1
    if suite := properties.get("suite"):
        _seconds_per_suite[suite] = _seconds_per_suite.get(suite, 0) + report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _tests_per_level:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(_tests_per_level.items()))
        terminalreporter.write_line(f"tests per level: {counts}")
    for suite, seconds in sorted(_seconds_per_suite.items()):
        terminalreporter.write_line(f"proof {suite}: {seconds:.0f} s")


@pytest.fixture
def sampled(request: pytest.FixtureRequest) -> bool:
    """Whether only the bounded share of a proof is wanted; a proof may then repeat less often."""
    return bool(request.config.getoption("--sample"))
