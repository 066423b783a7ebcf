"""What proofs by kills share: the processes of a platform, a write sent until it is answered, a room to sell."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import httpx

from rtp.testing.instance import RunningInstance
from rtp.testing.waiting import SECONDS, eventually

CATALOG = """
currency: USD
products:
  - key: room
    name: Room
    kind: room
    prices:
      - {key: room-monthly, amount: "100.00", interval: month}
"""
PRICE = "room-monthly"


def stock(platform: RunningInstance) -> None:
    """Have the platform sell a room at 100.00 a month."""
    catalog = platform.folder / "catalog.yaml"
    catalog.write_text(CATALOG)
    platform.json("catalog", "apply", str(catalog))


def pid_of(platform: RunningInstance, service: str) -> int:
    """The process of a service, the first one where it has several, or of the supervisor; 0 while it has none."""
    status = json.loads(platform("status", "-o", "json").stdout)
    if service == "supervisor":
        return int(status["pid"])
    return int(next(item["pid"] for item in status["services"] if item["name"].startswith(service)) or 0)


def kill(platform: RunningInstance, service: str, *, wait: bool = True) -> None:
    """Kill a service as soon as it runs, and wait until another process has taken its place."""
    pid = eventually(f"{service} runs", lambda: pid_of(platform, service))
    os.kill(pid, signal.SIGKILL)
    if wait:
        replaced(platform, service, pid)


def replaced(platform: RunningInstance, service: str, before: int) -> None:
    """Wait until a service runs as another process than before."""
    eventually(f"{service} is not process {before} any more", lambda: pid_of(platform, service) not in {before, 0})


def send_until_answered(platform: RunningInstance, path: str, key: str, body: dict[str, Any]) -> httpx.Response:
    """Send one write under one key until the answer is final: done, or a refusal that no repetition will change."""
    deadline = time.monotonic() + SECONDS
    headers = {"Authorization": f"Bearer {platform.token}", "Idempotency-Key": key}
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(f"{platform.url}{path}", json=body, headers=headers, timeout=10)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 201 or not answer.json().get("retryable"):
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{path} was never answered under the key {key}")
