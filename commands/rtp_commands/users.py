"""`rtp users`: the members of the business."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import UNSET

from rtp.errors import ExitCode
from rtp.users import schemas
from rtp.users.schemas import CreateNote, CreateUser, Note, UpdateUser, User, UserDetail, UserStatus
from rtp_commands import arguments
from rtp_commands.call import Call, Listing, Result, Severity, listing, read, write

app = typer.Typer()
COLUMNS = ("id", "email", "name", "status")

Search = Annotated[str | None, typer.Option("--search", metavar="TEXT", help="Part of the e-mail or name.")]
Status = Annotated[UserStatus | None, typer.Option("--status", metavar="STATUS", help="Only this status.")]
Price = Annotated[str | None, typer.Option("--price", metavar="PRICE", help="Only subscribers of this price.")]


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(call: Call, search: Search = None, status: Status = None, price: Price = None) -> Listing[User]:
    """List members.

    Examples:
        rtp users list
        rtp users list --search ada --status active -o ids
        rtp users list --price day-trading-room-monthly
    """
    return call.list(schemas.LIST, search=search, status=status, price=price)


@app.command()
@read(schemas.SHOW)
def show(call: Call, user: arguments.User) -> UserDetail:
    """Show one member, with everything support needs.

    Examples:
        rtp users show ada@example.com
        rtp users show ada@example.com -o json
    """
    return call.read(schemas.SHOW, user=user)


@app.command()
@read(schemas.DIAGNOSE, exit_codes=(int(ExitCode.CHECK_FAILED), int(ExitCode.NOT_JUDGED)))
def diagnose(call: Call, user: arguments.User) -> Result:
    """Find out why a member has no access: from the provider's record to the entitlement, link by link.

    Ends with 10 and names the first link that broke, with the command that mends it.

    Examples:
        rtp users diagnose ada@example.com
        rtp users diagnose ada@example.com -o json
    """
    found = call.read(schemas.DIAGNOSE, user=user)
    code = {"ok": ExitCode.OK, "broken": ExitCode.CHECK_FAILED, "unknown": ExitCode.NOT_JUDGED}[found.state]
    said = f"The first link that broke: {found.broken}. " if found.broken else ""
    said += f"Next: {found.command}" if found.command else ""
    if call.output.format != "table" or call.flags.fields:
        return Result(found, code, said=said)
    from rtp_commands.chains import diagnosis

    call.output.lines(diagnosis(found, wide=call.output.wide))
    return Result(None, code, said=said)


@app.command()
@write(schemas.CREATE, reversible="rtp users suspend ID")
def create(
    call: Call,
    email: Annotated[str, typer.Argument(metavar="E-MAIL", help="Unique among the members.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="As the member writes it.")],
    timezone: Annotated[str, typer.Option("--timezone", metavar="ZONE", help="IANA name of the time zone.")] = "UTC",
) -> User:
    """Create a member.

    Examples:
        rtp users create grace@example.com --name "Grace Hopper" --timezone America/New_York
        rtp users create grace@example.com --name "Grace Hopper" --dry-run
    """
    return call.write(schemas.CREATE, CreateUser(email=email, name=name, timezone=timezone))


@app.command()
@write(schemas.UPDATE, reversible="rtp users update USER with the former values")
def update(
    call: Call,
    user: arguments.User,
    email: Annotated[str | None, typer.Option("--email", metavar="E-MAIL", help="The new e-mail.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The new name.")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="The new time zone.")] = None,
) -> User:
    """Change what is known of a member; what is not given stays.

    Examples:
        rtp users update ada@example.com --name "Ada King"
        rtp users update ada@example.com --timezone Europe/London --reason "moved"
    """
    body = UpdateUser(
        email=UNSET if email is None else email,
        name=UNSET if name is None else name,
        timezone=UNSET if timezone is None else timezone,
    )
    return call.write(schemas.UPDATE, body, user=user)


@app.command()
@write(schemas.SUSPEND, severity=Severity.MODERATE, reversible="rtp users restore USER")
def suspend(call: Call, user: arguments.User) -> User:
    """Suspend a member: nothing is open to them until they are restored.

    Examples:
        rtp users suspend ada@example.com --reason "chargeback under review"
        rtp users suspend ada@example.com --dry-run
    """
    return call.write(schemas.SUSPEND, user=user)


@app.command()
@write(schemas.RESTORE, reversible="rtp users suspend USER")
def restore(call: Call, user: arguments.User) -> User:
    """Restore a suspended member.

    Examples:
        rtp users restore ada@example.com
        rtp users restore ada@example.com --reason "review ended well"
    """
    return call.write(schemas.RESTORE, user=user)


@app.command()
@write(schemas.NOTE)
def note(
    call: Call,
    user: arguments.User,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the next colleague should know.")],
) -> Note:
    """Write a note on a member's support page.

    Examples:
        rtp users note ada@example.com "Called about the renewal date."
        rtp users note ada@example.com "Prefers e-mail." --reason "call of today"
    """
    return call.write(schemas.NOTE, CreateNote(text=text), user=user)


@app.command("import")
@write(schemas.IMPORT, severity=Severity.MODERATE, exit_codes=(8,), side_effects="creates the members of the file")
def import_(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8, with the columns email, name, timezone.")],
    result: Annotated[Path | None, typer.Option("--result", metavar="FILE", help="CSV of the refused rows.")] = None,
) -> Result:
    """Import members from a CSV file; who is there already is left as is, refused rows are told one by one.

    Examples:
        rtp users import examples/members.csv --result refused.csv
        rtp users import examples/members.csv --dry-run
    """
    from rtp_commands.csv_import import Format, import_file

    columns = {"email": None, "name": None, "timezone": "UTC"}
    format = Format(operation=schemas.IMPORT, columns=columns, most=schemas.MAX_IMPORT_ROWS)
    return import_file(call, file, result, format)


@app.command()
@listing(schemas.EXPORT, columns=COLUMNS)
def export(call: Call, search: Search = None, status: Status = None) -> Listing[User]:
    """Export members with everything that an import takes; `--all -o csv` for a file.

    Examples:
        rtp users export --all -o csv
        rtp users export --status suspended -o ndjson
    """
    return call.list(schemas.EXPORT, search=search, status=status)
