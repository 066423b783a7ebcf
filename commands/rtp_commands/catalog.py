"""`rtp catalog`: products and prices from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtp.products import schemas
from rtp.products.schemas import CatalogDiff
from rtp_commands.call import Call, Result, Severity, read, write

app = typer.Typer()

File = Annotated[Path, typer.Argument(metavar="FILE", help="A catalog in YAML; - reads it from stdin.")]
Prune = Annotated[bool, typer.Option("--prune", help="Archive what the file lacks.")]


@app.command()
@read(schemas.PLAN)
def plan(call: Call, file: File, prune: Prune = False) -> Result:
    """Compare a file with what is sold: + to create, ~ to change, - to archive.

    Examples:
        rtp catalog plan examples/catalog.yaml
        rtp catalog plan examples/catalog.yaml --prune -o json
    """
    from rtp_commands.catalog_file import read as read_file

    return _shown(call, call.read(schemas.PLAN, read_file(file), prune=prune or None))


@app.command()
@write(
    schemas.APPLY,
    severity=Severity.MODERATE,
    reversible="rtp catalog apply FILE with the former file",
    side_effects="changes what is sold; members keep the price they bought",
)
def apply(call: Call, file: File, prune: Prune = False) -> Result:
    """Sell what a file declares; the same file again changes nothing.

    Examples:
        rtp catalog apply examples/catalog.yaml
        rtp catalog apply examples/catalog.yaml --prune --dry-run
    """
    from rtp_commands.catalog_file import read as read_file

    return _shown(call, call.write(schemas.APPLY, read_file(file), prune=prune or None))


def _shown(call: Call, diff: CatalogDiff) -> Result:
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(diff)
    from rtp_commands.catalog_diff import lines

    call.output.lines(lines(diff, wide=call.output.wide))
    kept = f"{len(diff.kept)} not in the file stay on sale (--prune archives them): {', '.join(diff.kept)}"
    return Result(None, said=kept if diff.kept else "")
