"""Bad input from every side: a clear error with its exit code, or none where none is due, and nothing half written."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.testing.filled import ADA, Filled, tables
from rtp.testing.instance import RTP, RunningInstance

MEGABYTE = 1_000_000
CATALOG = """currency: {currency}
products:
  - {{key: room, name: Room, kind: room, prices: [{{key: room-monthly, interval: month, amount: {amount}}}]}}
"""
WRITTEN = ("users", "payments", "refunds", "products", "prices", "events", "audit", "ledger_transactions")


@pytest.fixture
def http(filled: Filled) -> Iterator[httpx.Client]:
    """The API over TCP, as the owner."""
    headers = {"Authorization": f"Bearer {filled.platform.token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"{filled.platform.url}/v1", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def unchanged(filled: Filled) -> Iterator[None]:
    """Nothing of the business is written while the test runs."""
    before = business(filled)
    yield
    assert business(filled) == before


def business(filled: Filled) -> dict[str, int]:
    return {name: count for name, count in tables(filled).items() if name.startswith(WRITTEN)}


def refused(platform: RunningInstance, *words: str, code: int = 2) -> dict[str, Any]:
    """The error of a command that is refused with nothing on stdout."""
    done = platform(*words, "-o", "json")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    error: dict[str, Any] = json.loads(done.stderr)["error"]
    return error


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("amount", ["-5", "0", "25.001", "1e3", "NaN", "25 XXX", "25 usd dollars", "9" * 40, "٢٥"])
def test_an_amount_that_cannot_be_is_refused_by_the_command(filled: Filled, amount: str) -> None:
    error = refused(filled.platform, "refunds", "issue", filled.ids["pay"], f"--amount={amount}", "--reason", "x")
    assert error["code"] == "usage"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("amount", [-1, 0, 1.5, "25", 10**30, True, [1], None.__class__.__name__])
def test_an_amount_that_cannot_be_is_refused_by_the_server(filled: Filled, http: httpx.Client, amount: Any) -> None:
    answer = http.post(
        f"/payments/{filled.ids['pay']}/refunds",
        json={"amount": amount, "reason": "x"},
        headers={"Idempotency-Key": f"bad-{amount}"},
    )
    assert answer.status_code == 400, answer.text
    assert "amount" in answer.json()["fields"]


@pytest.mark.usefixtures("unchanged")
def test_a_refund_in_another_currency_is_refused(filled: Filled, http: httpx.Client) -> None:
    for currency in ("EUR", "XXX", "", "usd "):
        answer = http.post(
            f"/payments/{filled.ids['pay']}/refunds",
            json={"amount": 100, "currency": currency, "reason": "x"},
            headers={"Idempotency-Key": f"currency-{len(currency)}"},
        )
        assert answer.status_code in {400, 422}, answer.text


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "currency, amount",
    [("XXX", '"10.00"'), ("USD", '"-10.00"'), ("USD", '"10.001"'), ("JPY", '"10.5"'), ("USD", ".nan")],
)
def test_a_catalog_with_impossible_money_is_refused_with_its_place(
    filled: Filled, tmp_path: Path, currency: str, amount: str
) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(CATALOG.format(currency=currency, amount=amount))
    error = refused(filled.platform, "catalog", "apply", str(file))
    assert any(word in error["message"] for word in ("currency", "amount", "room-monthly"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "content",
    [b'{"email":"\xff@example.com","name":"A"}', b'{"email":"a@example.com","name":"\\ud800"}', b"{", b"", b"\x00"],
)
def test_a_body_that_is_no_json_text_is_refused(http: httpx.Client, content: bytes) -> None:
    answer = http.post("/users", content=content)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.usefixtures("unchanged")
def test_a_file_that_is_not_utf_8_is_refused(filled: Filled, tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_bytes(b"currency: USD\nproducts:\n  - {key: room, name: R\xff\n")
    assert "UTF-8" in refused(filled.platform, "catalog", "apply", str(file))["message"]


@pytest.mark.usefixtures("unchanged")
def test_an_import_that_is_not_utf_8_is_refused_whole(http: httpx.Client) -> None:
    answer = http.post(
        "/users/import",
        content=b'{"row":1,"email":"good@example.com","name":"A"}\n{"row":2,"email":"\xff@example.com"}\n',
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "not-utf-8"},
    )
    assert answer.status_code == 400, answer.text
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.usefixtures("unchanged")
def test_a_nul_is_refused_wherever_it_stands(http: httpx.Client) -> None:
    asked = [
        http.post("/users", json={"email": "nul@example.com", "name": "A\0B"}),
        http.post(f"/users/{ADA}/notes", json={"text": "\0"}),
        http.post(f"/users/{ADA}/suspend", params={"reason": "a\0"}),
        http.get("/users", params={"search": "\0"}),
        http.get("/users/a%00b"),
        http.get("/cache/entries/a%00"),
        http.get("/plans/a%00"),
        http.get("/users", params={"cursor": "\0"}),
    ]
    assert [(answer.status_code, answer.url.path) for answer in asked if answer.status_code not in {400, 404}] == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("value", [2**63, 10**400, -1, "1.5", "١"])
def test_a_number_that_no_column_holds_is_refused(http: httpx.Client, value: Any) -> None:
    assert http.get("/users", params={"limit": str(value)}).status_code == 400
    assert http.get(f"/jobs/job_{value}").status_code in {400, 404}
    assert http.post("/jobs/purge", content=f'{{"older_than_hours": {value}}}'.encode()).status_code == 400


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
@pytest.mark.parametrize(
    "path, media, limit",
    [("/users", "application/json", MEGABYTE), ("/users/import", "application/x-ndjson", 5 * MEGABYTE)],
)
def test_a_body_of_ten_megabytes_is_refused_by_its_size(
    filled: Filled, path: str, media: str, limit: int, chunked: bool
) -> None:
    headers = {"Authorization": f"Bearer {filled.platform.token}", "Content-Type": media, "Idempotency-Key": "large"}
    answer = httpx.post(
        f"{filled.platform.url}/v1{path}", content=large(10 * MEGABYTE, chunked=chunked), headers=headers, timeout=60
    )
    assert answer.status_code == 413, answer.text
    assert answer.json()["code"] == "too_large"
    assert f"{limit:,}" in answer.json()["detail"]


@pytest.mark.usefixtures("unchanged")
def test_a_body_just_below_the_limit_is_judged_by_what_it_says(http: httpx.Client) -> None:
    name = "x" * (MEGABYTE - 100)
    assert http.post("/users", json={"email": "a@example.com", "name": name}).status_code == 400
    assert http.post("/users", json={"email": "a@example.com", "name": name + "x" * 200}).status_code == 413


def large(size: int, *, chunked: bool) -> Any:
    """A body of spaces, whole or in pieces without a length."""
    piece = b" " * 100_000
    return (piece for _ in range(size // len(piece))) if chunked else b" " * size


@pytest.mark.parametrize(
    "words", ["users list --all -o ndjson", "commands -o json", "logs", "completion show", "--help"]
)
def test_a_closed_pipe_is_no_failure(filled: Filled, words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [RTP, *words.split()], stdout=writing, stderr=subprocess.PIPE, env=filled.platform.environment(), timeout=60
    )
    os.close(writing)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_the_first_line_of_a_long_list_is_enough_for_head(filled: Filled) -> None:
    script = 'set -o pipefail; "$0" commands -o json | head -1'
    done = subprocess.run(
        ["bash", "-c", script, RTP], capture_output=True, text=True, env=filled.platform.environment(), timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "[\n"), done.stderr
