"""`rtp plans`: what dry runs found, to be looked at again and carried out."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from rtp.operations import Plan
from rtp.plans import schemas
from rtp_commands import receipt
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Result, Severity, read, write
from rtp_commands.writing import apply_plan

app = typer.Typer()
PlanId = Annotated[str, typer.Argument(metavar="PLAN", parser=id_or_key("plan", "plan"), help="Id (plan_…).")]


@app.command()
@read(schemas.SHOW)
def show(call: Call, plan_id: PlanId) -> Result | None:
    """Show what a plan would do, and until when it may be carried out.

    Examples:
        rtp plans show plan_01K8X3Z6Q4V8N2M5T7R9W1Y3B6
    """
    plan = call.read(schemas.SHOW, plan=plan_id)
    if call.output.format != "table" or call.output.fields:
        return Result({**msgspec.to_builtins(plan, enc_hook=str), **_way_back(plan)})
    call.output.lines(receipt.lines(plan, wide=call.output.wide))
    call.say(f"Carry it out: rtp plans apply {plan.id}")
    return None


@app.command()
@write(schemas.APPLY, severity=Severity.SEVERE, confirm="plan_id", side_effects="what the plan shows")
def apply(call: Call, plan_id: PlanId) -> Result:
    """Carry out a plan, if the world has not moved since.

    Examples:
        rtp plans apply plan_01K8X3Z6Q4V8N2M5T7R9W1Y3B6
    """
    return apply_plan(call, plan_id, any_operation=True)


def _way_back(plan: Plan) -> dict[str, Any]:
    """Whether the planned operation is final, as its command declares; nothing where no command here has it."""
    from rtp_commands.tree import leaf_of

    leaf = leaf_of(plan.operation)
    return {} if leaf is None else leaf.way_back(leaf.reversible or "")
