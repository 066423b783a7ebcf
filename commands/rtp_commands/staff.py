"""`rtp staff`: people who use rtp."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.permissions import Role
from rtp.staff import schemas
from rtp.staff.schemas import CreateStaff, StaffMember
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, listing, write

app = typer.Typer()
Staff = Annotated[
    str,
    typer.Argument(
        metavar="STAFF",
        parser=id_or_key("stf", "staff", key="e-mail", pattern=r"[^@\s]+@[^@\s]+"),
        help="Id (stf_…) or e-mail.",
    ),
]


@app.command()
@write(schemas.CREATE, severity=Severity.MODERATE, reversible="rtp staff disable ID")
def create(
    call: Call,
    email: Annotated[str, typer.Argument(metavar="E-MAIL", help="Unique among the staff.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Shown in the audit.")],
    role: Annotated[Role, typer.Option("--role", metavar="ROLE", help="At most your own.")],
) -> StaffMember:
    """Add a person who may use rtp; nobody gives a role above their own.

    Examples:
        rtp staff create grace@example.com --name "Grace Hopper" --role support
        rtp staff create grace@example.com --name "Grace Hopper" --role support --dry-run
    """
    return call.write(schemas.CREATE, CreateStaff(email=email, name=name, role=role))


@app.command("list")
@listing(schemas.LIST, columns=("id", "email", "name", "role", "status", "created_at"))
def list_(call: Call) -> Listing[StaffMember]:
    """List the people who may use rtp.

    Examples:
        rtp staff list
        rtp staff list -o json
    """
    return call.list(schemas.LIST)


@app.command()
@write(schemas.DISABLE, severity=Severity.SEVERE, confirm="staff")
def disable(call: Call, staff: Staff) -> StaffMember:
    """End a person's access; their tokens stop at once.

    Examples:
        rtp staff disable grace@example.com --reason "left the company"
        rtp staff disable grace@example.com --dry-run
    """
    return call.write(schemas.DISABLE, staff=staff)
