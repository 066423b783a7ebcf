"""The generated pages of docs/reference are what the code says today."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rtp.errors import RtpError
from rtp.settings import Settings
from tools.reference.pages import generated, stale

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generated()


def test_every_generated_page_is_up_to_date(pages: dict[str, str]) -> None:
    old = [
        name
        for name, text in pages.items()
        if not (REFERENCE / name).exists() or (REFERENCE / name).read_text() != text
    ]
    assert old == [], "run `make docs` and commit what it writes"


def test_no_generated_page_outlives_its_source() -> None:
    assert stale(REFERENCE) == [], "run `make docs`"


def test_every_setting_is_documented_with_its_variable() -> None:
    page = (REFERENCE / "settings.md").read_text()
    assert [field.name for field in msgspec.structs.fields(Settings) if f"`RTP_{field.name.upper()}`" not in page] == []


def test_every_family_of_a_scrape_is_documented_by_the_name_it_has_there() -> None:
    from rtp_server.edge import metrics

    page = (REFERENCE / "metrics.md").read_text()
    metrics.webhook("sandbox", "taken")
    scrape = metrics.exposition(metrics.Figures(failures=[("card_declined", "sandbox", 1)])).decode()
    told = {line.split()[2] for line in scrape.splitlines() if line.startswith("# HELP ")}
    assert {"breaker_state", "breaker_calls_total", "webhooks_received_total"} <= told
    assert [name for name in sorted(told) if not name.endswith("_created") and f"`{name}`" not in page] == []


def test_every_error_has_a_message_of_its_own(pages: dict[str, str]) -> None:
    assert f"`{RtpError.code()}`" in pages["errors.md"]
    lines = pages["errors.md"].splitlines()[6:]
    codes = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    messages = [line.split("|")[4].strip() for line in lines if line.startswith("|")]
    assert len(codes) == len(set(codes)), "two errors share a code"
    assert all(messages)
