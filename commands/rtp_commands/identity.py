"""`rtp whoami`."""

from __future__ import annotations

from typing import Any

import msgspec
import typer

from rtp_commands.call import Call, local

app = typer.Typer()


@app.command()
@local(exit_codes=(3, 4, 13, 14))
def whoami(call: Call) -> dict[str, Any]:
    """Show who the server takes you for, which environment it is, and where it stands.

    Examples:
        rtp whoami
        rtp whoami -o json
    """
    answer: dict[str, Any] = msgspec.json.decode(call.client.raw("GET", "/whoami").content)
    return answer
