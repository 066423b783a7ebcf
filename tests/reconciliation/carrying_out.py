"""Carries a plan of reconciliation out in a process of its own, which can be told where to die.

`python -m tests.reconciliation.carrying_out PLAN INSTANT`: the real application, its clock at the instant of the plan.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import Any

from rtp.kit.clock import FixedClock
from rtp.settings import load
from rtp.testing import asgi


async def run(plan: str, instant: str) -> int:
    """Ask for the plan as the local owner; the status of the answer."""
    from rtp_server.app import create_app

    app: Any = create_app(load(), None)
    async with asgi.started(app):
        app.state.frames.clock = FixedClock(datetime.fromisoformat(instant))
        async with asgi.client(app, socket=True) as client:
            headers = {"Idempotency-Key": f"carried-out-by-{plan}"}
            answer = await client.post(
                "/v1/reconcile/runs", json={"since": "7d"}, params={"plan": plan}, headers=headers
            )
    print(answer.text)
    return answer.status_code


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(run(*sys.argv[1:])) == 200 else 1)
