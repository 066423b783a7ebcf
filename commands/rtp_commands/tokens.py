"""`rtp tokens`: API tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.permissions import Role
from rtp.tokens import schemas
from rtp.tokens.schemas import CreatedToken, CreateToken, Token
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, listing, write

app = typer.Typer()
TokenId = Annotated[str, typer.Argument(metavar="TOKEN", parser=id_or_key("tok", "token"), help="Id (tok_…).")]


@app.command()
@write(schemas.CREATE, severity=Severity.MODERATE, reversible="rtp tokens revoke ID")
def create(
    call: Call,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is for.")],
    role: Annotated[Role, typer.Option("--role", metavar="ROLE", help="At most your own.")],
    staff: Annotated[str | None, typer.Option("--staff", metavar="STAFF", help="Acts as this person.")] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="SPAN", help="Hours, days or weeks: 12h, 90d.")] = "90d",
) -> CreatedToken:
    """Make an API token; its secret is shown this once.

    Examples:
        rtp tokens create --name ci --role viewer --expires 30d -o json
        rtp tokens create --name refunds --role support
    """
    return call.write(schemas.CREATE, CreateToken(name=name, role=role, staff=staff, expires=expires))


@app.command("list")
@listing(schemas.LIST, columns=("id", "name", "role", "status", "expires_at"))
def list_(call: Call) -> Listing[Token]:
    """List the tokens, without their secrets.

    Examples:
        rtp tokens list
        rtp tokens list --fields name,role,status,last_four
    """
    return call.list(schemas.LIST)


@app.command()
@write(schemas.REVOKE, severity=Severity.MODERATE)
def revoke(call: Call, token: TokenId) -> Token:
    """End a token at once.

    Examples:
        rtp tokens revoke tok_01K8X3Z6Q4V8N2M5T7R9W1Y3B6 --reason "leaked"
    """
    return call.write(schemas.REVOKE, token=token)
