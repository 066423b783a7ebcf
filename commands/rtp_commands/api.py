"""`rtp api`: any request, for what has no command yet and for looking behind one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
import typer

from rtp_commands.call import Call, local
from rtp_commands.errors import Usage
from rtp_commands.journal import Intent, new_id, now
from rtp_commands.writing import recorded

app = typer.Typer()
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@app.command()
@local(side_effects="whatever the request changes", exit_codes=(3, 4, 5, 6, 7, 9, 13, 14))
def api(
    call: Call,
    method: Annotated[Method, typer.Argument(metavar="METHOD", case_sensitive=False, help="GET, POST, …")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Such as /users; /v1 may be left out.")],
    body: Annotated[str | None, typer.Option("--body", metavar="JSON", help="JSON, @FILE, or - for stdin.")] = None,
    query: Annotated[list[str] | None, typer.Option("--query", metavar="K=V", help="May be repeated.")] = None,
) -> Any:
    """Send any request to the server and print its answer.

    Examples:
        rtp api GET /whoami
        rtp api GET /users --query limit=5 -o json
    """
    if query and (bad := [pair for pair in query if "=" not in pair]):
        raise Usage(what=f"--query {bad[0]!r} is not of the form K=V")
    pairs = dict(pair.split("=", 1) for pair in query or [])
    pairs |= dict(parse_qsl(path.partition("?")[2]))
    path, content = path.partition("?")[0], _content(body)
    if method == "GET" or pairs.get("dry_run") == "true":
        return _decoded(call.client.raw(method, path, query=pairs, content=content).content)
    op_id = new_id()
    intent = Intent(
        id=op_id,
        at=now(),
        operation="api",
        method=method,
        path=path,
        key=op_id,
        context=call.target.name,
        where=call.target.where,
        query=pairs,
        body=None if content is None else msgspec.Raw(content),
        command=["rtp", *sys.argv[1:]],
    )
    answer = recorded(
        call, intent, lambda: call.client.raw(method, path, query=pairs, content=content, key=op_id, op_id=op_id)
    )
    return _decoded(answer.content)


def _content(body: str | None) -> bytes | None:
    if body is None:
        return None
    try:
        raw = sys.stdin.buffer.read() if body == "-" else Path(body[1:]).read_bytes() if body[0:1] == "@" else body
    except OSError as error:
        raise Usage(what=f"{body[1:]} cannot be read: {error.strerror}") from error
    content = raw.encode() if isinstance(raw, str) else raw
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Usage(what=f"--body is not JSON: {error}") from error
    return content


def _decoded(content: bytes) -> Any:
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return content.decode(errors="replace")
