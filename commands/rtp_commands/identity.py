"""`rtp whoami`."""

from __future__ import annotations

import typer

from rtp.meta.schemas import WHOAMI, WhoAmI
from rtp_commands.call import Call, read

app = typer.Typer()


@app.command()
@read(WHOAMI)
def whoami(call: Call) -> WhoAmI:
    """Show who the server takes you for, which environment it is, and where it stands.

    Examples:
        rtp whoami
        rtp whoami -o json
    """
    return call.read(WHOAMI)
