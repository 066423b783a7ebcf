"""`rtp breakers`: what stands between us and a peer that fails."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.breakers import schemas
from rtp.breakers.schemas import Breaker, BreakerDetail, BreakerState, Circuit
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, Waiting, listing, read, write

app = typer.Typer()

CARRIED_OUT = Waiting(operation=schemas.SHOW, param="breaker", done=frozenset({"none"}), field="reset")
BreakerName = Annotated[
    str,
    typer.Argument(
        metavar="BREAKER",
        parser=id_or_key("brk", "breaker", key="name", pattern=r"[a-z0-9_.:-]{1,100}"),
        help="Name (provider:sandbox), or id of one process's breaker (brk_…).",
    ),
]


@app.command("list")
@listing(schemas.LIST, columns=("name", "circuit", "since", "fires", "failures", "process"))
def list_(
    call: Call,
    circuit: Annotated[
        Circuit | None, typer.Option("--circuit", metavar="STATE", help="Only closed, open or half_open ones.")
    ] = None,
) -> Listing[Breaker]:
    """List the circuit breakers of all running processes, with the calls and failures of their last 10 seconds.

    Examples:
        rtp breakers list
        rtp breakers list --circuit open
    """
    return call.list(schemas.LIST, circuit=circuit)


@app.command()
@read(schemas.SHOW)
def show(call: Call, breaker: BreakerName) -> BreakerDetail:
    """Show one breaker in every process: where it stands, since when, and how calls ended.

    Examples:
        rtp breakers show provider:sandbox
        rtp breakers show provider:sandbox -o json
    """
    return call.read(schemas.SHOW, breaker=breaker)


@app.command()
@write(
    schemas.RESET,
    severity=Severity.MODERATE,
    waiting=CARRIED_OUT,
    side_effects="calls go to the peer again at once; if it still fails, the breaker opens again",
)
def reset(call: Call, breaker: BreakerName) -> BreakerState:
    """Close an open breaker now, instead of waiting for its next try; refused when it is closed.

    Examples:
        rtp breakers reset provider:sandbox
        rtp breakers reset provider:sandbox --reason "the provider says it is back"
    """
    return call.write(schemas.RESET, breaker=breaker)
