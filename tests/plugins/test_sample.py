"""The plugin that ships with the repository, as an operator meets it: parity, flags, and a notice in the channel."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rtp.operations import Operation
from rtp.testing.instance import RTP, RunningInstance, clean_environment, running
from rtp_commands import flags
from rtp_slack_notices import schemas

SHIPPED = Path(__file__).parents[2] / "examples" / "catalog.yaml"
VERBS = {"show", "update", "check"}
"""All of them are of the vocabulary in docs/reference/verbs.md."""


@pytest.fixture
def commands(sample: dict[str, str]) -> list[dict[str, Any]]:
    """The plugin's commands as `rtp commands` describes them."""
    done = subprocess.run([RTP, "commands", "slack-notices", "-o", "json"], env=sample, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_each_operation_of_the_plugin_has_a_command(commands: list[dict[str, Any]]) -> None:
    declared = {value.id for value in vars(schemas).values() if isinstance(value, Operation)}
    assert {id for command in commands for id in command["operations"]} == declared
    assert {command["path"].split()[2] for command in commands} == VERBS
    assert {command["panel"] for command in commands} == {"Plugins"}


def test_each_command_of_the_plugin_has_the_flags_of_its_kind(commands: list[dict[str, Any]]) -> None:
    for command in commands:
        shared = {flag["name"] for flag in command["flags"] if flag["shared"]}
        assert shared == set(flags.of_kind(command["kind"])), command["path"]
        assert command["examples"]
        assert all(flag["help"] for flag in command["flags"])


class Channel(ThreadingHTTPServer):
    """A channel that is away at first, and then takes notices."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.asked: list[tuple[str, str]] = []
        self.taken: list[tuple[str, str]] = []
        self.arrived = threading.Semaphore(0)


class _Post(BaseHTTPRequestHandler):
    server: Channel

    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["content-length"])))["text"]
        notice = (self.headers["idempotency-key"], text)
        self.server.asked.append(notice)
        first = len(self.server.asked) == 1
        self.send_response(503 if first else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if not first:
            self.server.taken.append(notice)
            self.server.arrived.release()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def channel() -> Iterator[Channel]:
    """The channel's webhook."""
    server = Channel()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    """A running platform that trusts the plugin."""
    trusted = subprocess.run([RTP, "plugins", "trust", "rtp-slack-notices"], env=clean_environment(tmp_path))
    assert trusted.returncode == 0
    with running(tmp_path) as started:
        yield started


def test_a_refund_is_told_once_in_the_channel_that_was_away_at_first(
    platform: RunningInstance, channel: Channel
) -> None:
    url = f"http://127.0.0.1:{channel.server_port}/services/very-secret"
    payment = paid(platform)
    before = refunded(platform, payment, "1.00")
    assert platform("slack-notices", "check").returncode == 7
    told = platform("slack-notices", "update", "--file", "-", "--on", "-o", "json", text=url + "\n")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["webhook"] == f"http://127.0.0.1:{channel.server_port}/…"

    refund = refunded(platform, payment, "25.00")
    assert channel.arrived.acquire(timeout=60)
    (key, text) = channel.taken[0]
    assert text == f"Refund {refund} of 25.00 USD on {payment} succeeded. Reason: duplicate"
    assert [asked for asked, _ in channel.asked] == [key, key]
    assert before not in str(channel.asked)

    assert platform("slack-notices", "check").returncode == 0
    assert channel.arrived.acquire(timeout=60)
    assert "test notice" in channel.taken[1][1]
    checks = {check["name"]: check for check in platform.json("doctor")["checks"]}
    assert checks["plugins"]["detail"] == "rtp-slack-notices 0.1.0"
    logs = "".join(file.read_text() for file in (platform.home / "logs").iterdir())
    assert "very-secret" not in logs
    assert "very-secret" not in json.dumps(platform.json("audit", "list", "--all"))


def paid(platform: RunningInstance) -> str:
    platform.json("catalog", "apply", str(SHIPPED))
    platform.json("users", "create", "ada@example.com", "--name", "Ada Lovelace")
    platform.json("subscriptions", "create", "ada@example.com", "--price", "alerts-only-monthly", "--card", "visa")
    payments: list[dict[str, Any]] = []
    while not payments:
        payments = [one for one in platform.json("payments", "list") if one["state"] == "succeeded"]
    return str(payments[0]["id"])


def refunded(platform: RunningInstance, payment: str, amount: str) -> str:
    refund = platform.json(
        "refunds", "issue", payment, "--amount", amount, "--reason", "duplicate", "--confirm", amount
    )
    return str(refund["id"])
