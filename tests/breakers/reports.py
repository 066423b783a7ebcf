"""What a process would report of a breaker, and how it is listed."""

from __future__ import annotations

from typing import Any

import httpx

from rtp.breakers import service
from rtp.breakers.schemas import Circuit, Move, Reading
from rtp.testing.plugin import OpenFrame

NAME = "provider:sandbox"
HERE = "host:1"


def reading(circuit: Circuit = "closed", *moves: Circuit, **changed: Any) -> Reading:
    known: dict[str, Any] = {
        "name": NAME, "circuit": circuit, "since_seconds": 5.0, "half_open_in": 25.0, "fires": 4, "failures": 3,
        "calls": {"success": 1, "failure": 3}, "moves": [Move(to=to, seconds_ago=1.0) for to in moves],
        "resets_done": 0,
    }  # fmt: skip
    return Reading(**(known | changed))


async def report(writing: OpenFrame, *readings: Reading, process: str = HERE) -> dict[str, int]:
    async with writing() as frame:
        return await service.report(frame, process, list(readings))


async def listed(api: httpx.AsyncClient, **filters: str) -> list[dict[str, Any]]:
    return list((await api.get("/v1/breakers", params=filters)).json()["items"])
