"""`rtp refunds policy`: who may refund what, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtp.refunds import schemas
from rtp.refunds.schemas import PolicyDiff
from rtp_commands.call import Call, Result, Severity, read, write

app = typer.Typer()

File = Annotated[Path, typer.Argument(metavar="FILE", help="A refund policy in YAML; - reads it from stdin.")]


@app.command("policy show")
@read(schemas.POLICY)
def show(call: Call) -> Result:
    """Show the refund policy that holds, as a file that can be applied again; in other formats as it is stored.

    Examples:
        rtp refunds policy show
        rtp refunds policy show -o json
    """
    shown = call.read(schemas.POLICY)
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(shown)
    if shown.rules is None:
        return Result(None, said="No policy is applied: who may issue refunds may do so without limit.")
    from rtp_commands.refunds_policy_file import written

    call.output.write(written(shown.rules))
    return Result(None, said=f"Version {shown.version}, applied by {shown.applied_by}.")


@app.command("policy plan")
@read(schemas.PLAN_POLICY)
def plan(call: Call, file: File) -> PolicyDiff:
    """Compare a file with the refund policy that holds.

    Examples:
        rtp refunds policy plan examples/refund-policy.yaml
        rtp refunds policy plan examples/refund-policy.yaml -o json
    """
    from rtp_commands.refunds_policy_file import read as read_file

    return call.read(schemas.PLAN_POLICY, read_file(file))


@app.command("policy apply")
@write(
    schemas.APPLY_POLICY,
    severity=Severity.MODERATE,
    reversible="rtp refunds policy apply FILE with the former file",
    side_effects="changes who may refund what, from now on",
)
def apply(call: Call, file: File) -> PolicyDiff:
    """Let the refund policy of a file hold from now on; every version is kept.

    Examples:
        rtp refunds policy apply examples/refund-policy.yaml
        rtp refunds policy apply examples/refund-policy.yaml --dry-run
    """
    from rtp_commands.refunds_policy_file import read as read_file

    return call.write(schemas.APPLY_POLICY, read_file(file))
