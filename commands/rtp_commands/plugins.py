"""`rtp plugins`: what is installed beside rtp, and what of it is trusted."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from rtp.plugins import service
from rtp.plugins.schemas import Plugin
from rtp_commands.call import Call, Result, local
from rtp_commands.main import ALIASES, TABLE

app = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="NAME", help="The distribution, as pip calls it.")]
COLUMNS = ("name", "version", "state", "groups", "hooks", "detail")


@app.command("list")
@local(columns=COLUMNS, exit_codes=(4,))
def list_(call: Call) -> list[Plugin]:
    """List installed plugins: what each adds, whether it is trusted, and which file changed since.

    Nothing of a plugin is run for that.

    Examples:
        rtp plugins list
        rtp plugins list -o json
    """
    return service.list_plugins(os.environ)


@app.command()
@local(
    side_effects="lets an installed plugin run: its command groups here, its hooks in the server", exit_codes=(4, 5, 6)
)
def trust(call: Call, name: Name) -> Result:
    """Trust a plugin as it is installed now: each of its files is recorded by its hash.

    A server takes its hooks in when it starts next.

    Examples:
        rtp plugins trust rtp-slack-notices
    """
    plugin = service.trust_plugin(os.environ, name, {row.name for row in TABLE} | ALIASES.keys() | {"help"})
    said = f"Trusted: {plugin.name} {plugin.version}, {plugin.files} files."
    return Result(
        plugin, said=f"{said} A running platform takes it in by: rtp down && rtp up" if plugin.hooks else said
    )


@app.command()
@local(side_effects="forgets a plugin: its command groups are gone, a server leaves it out", exit_codes=(4, 5))
def untrust(call: Call, name: Name) -> Result:
    """Trust a plugin no longer; it stays installed, and nothing of it is run.

    Examples:
        rtp plugins untrust rtp-slack-notices
    """
    service.untrust_plugin(os.environ, name)
    installed = next((one for one in service.list_plugins(os.environ) if one.name == name), None)
    return Result(installed, said=f"Not trusted any more: {name}. A running platform drops it by: rtp down && rtp up")
