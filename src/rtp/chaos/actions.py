"""Actions of experiments: each that breaks something writes its inverse into the undo journal first, and is bounded.

Any Chaos Toolkit can call them: `{"type": "python", "module": "rtp.chaos.actions", "func": "kill_service", …}`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from rtp.chaos import targets, undo
from rtp.chaos.errors import ChaosForbidden, TargetMissing
from rtp.payments import http_provider
from rtp.sandbox.schemas import Control
from rtp.settings import load

BACK_SECONDS = 60.0
TTL_SECONDS = 120.0


def kill_service(service: str) -> dict[str, Any]:
    """End a service's process as a crash would; the supervisor starts it again."""
    _refuse_prod()
    undo.promise("wait_until_up", f"{service} was killed", service=service)
    return {"service": service, "killed": targets.kill(service)}


def keep_service_down(service: str, seconds: float = 5.0) -> dict[str, Any]:
    """Kill a service's process whenever it comes back, for so many seconds."""
    _refuse_prod()
    undo.promise("wait_until_up", f"{service} was kept down", service=service)
    ends, killed = time.monotonic() + float(seconds), []
    while time.monotonic() < ends:
        row = targets.service(service)
        if row.pid is not None and row.state != "backoff" and row.pid not in killed:
            try:
                killed.append(targets.kill(service))
            except TargetMissing:
                continue  # it ended by itself between the look and the blow
        targets.pause(targets.POLL_SECONDS)
    return {"service": service, "killed": killed}


def wait_until_up(service: str, seconds: float = BACK_SECONDS) -> dict[str, Any]:
    """Wait until a service is up again; the inverse of killing it.

    Raises: DidNotComeBack.
    """
    row = targets.wait_up(service, float(seconds))
    undo.kept("wait_until_up", service=service)
    return {"service": service, "pid": row.pid, "restarts": row.restarts}


def set_provider(ttl_seconds: float = TTL_SECONDS, **control: Any) -> dict[str, Any]:
    """Make the sandbox provider misbehave: `latency_ms`, `fail_rate`, `hang`, `down`, `refund_delay_ms`, ….

    It ends by itself after `ttl_seconds`, also when nobody is left to end it.
    """
    _refuse_prod()
    wanted = msgspec.convert(control | {"ttl_seconds": float(ttl_seconds)}, Control, strict=False)
    undo.promise("reset_provider", "the provider was told to misbehave")
    return _steer(wanted)


def reset_provider() -> dict[str, Any]:
    """Make the sandbox provider behave."""
    done = _steer(Control())
    undo.kept("reset_provider")
    return done


def hold(seconds: float) -> None:
    """Leave everything as it is for so many seconds."""
    targets.pause(float(seconds))


UNDO: dict[str, Callable[..., Any]] = {"wait_until_up": wait_until_up, "reset_provider": reset_provider}
"""The inverses by the names that the undo journal uses."""


def _steer(control: Control) -> dict[str, Any]:
    async def send() -> Control:
        provider = http_provider.connect(load())
        try:
            await provider.steer(control)
            return await provider.control()
        finally:
            await provider.close()

    found: dict[str, Any] = msgspec.to_builtins(asyncio.run(send()))
    return found


def _refuse_prod() -> None:
    """The last gate, also when the experiment is run by plain `chaos run`."""
    environment = targets.status().environment
    if environment == "prod":
        raise ChaosForbidden(environment=environment)
