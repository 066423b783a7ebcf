"""`rtp context`: the servers that this command line knows."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from rtp.client import LOOPBACK, Client, InsecureTarget, Target
from rtp.errors import RtpError
from rtp_commands.call import Call, Result, local
from rtp_commands.context_store import Context, Store
from rtp_commands.errors import Usage

app = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")]


class Shown(msgspec.Struct, kw_only=True):
    """A context without its secret; `environment` is what the server last said of itself."""

    name: str
    url: str
    environment: str
    token: str
    current: bool


@app.command()
@local(side_effects="stores a context on this machine", exit_codes=(13,))
def add(
    call: Call,
    name: Name,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="https, or http on loopback.")],
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from stdin.")] = False,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="File with the token, read at each use.")
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
) -> Result:
    """Add a server, or replace one of the same name; a token comes from stdin, a file or RTP_TOKEN, never as a flag.

    Examples:
        rtp context add here --url http://127.0.0.1:8080 --token-file token.txt
        rtp context add live --url https://rtp.example.com --token-file token.txt --use
    """
    _check_url(url)
    file = str(token_file.absolute()) if token_file else ""
    token = _token(token_stdin, file)
    store = Store(os.environ)
    context = Context(name=name, url=url.rstrip("/"), token="" if file else token, token_file=file)
    said, context.environment = _ask(call, context, token)
    store.put(context)
    if use:
        store.use(name)
    return Result(_shown(context, store.current()), said=said)


@app.command()
@local(side_effects="chooses the context of this user")
def use(
    call: Call, name: Annotated[str, typer.Argument(metavar="NAME", help="A context, or `local` for this machine.")]
) -> Result:
    """Use a context from now on; `local` goes back to the instance on this machine.

    Examples:
        rtp context use local
    """
    store = Store(os.environ)
    if name == "local" and name not in store.names():
        store.use("")
        here = Shown(name=name, url="", environment="", token="none", current=True)
        return Result(here, said="From now on: the instance on this machine.")
    context = store.get(name)
    store.use(name)
    return Result(_shown(context, name), said=f"From now on: {name} ({context.url}).")


@app.command("list")
@local(columns=("name", "url", "environment", "token", "current"))
def list_(call: Call) -> list[Shown]:
    """List the contexts.

    Examples:
        rtp context list
        rtp context list -o json
    """
    store = Store(os.environ)
    current = store.current()
    return [_shown(store.get(name), current) for name in store.names()]


@app.command()
@local()
def show(
    call: Call, name: Annotated[str | None, typer.Argument(metavar="NAME", help="Default: the one in use.")] = None
) -> Shown:
    """Show a context, or the server that commands go to now.

    Examples:
        rtp context show
    """
    store = Store(os.environ)
    if name:
        return _shown(store.get(name), store.current())
    target = call.target
    if target.name in store.names():
        return _shown(store.get(target.name), store.current())
    return Shown(name=target.name, url=target.where, environment="", token=_kept(target.token), current=True)


@app.command()
@local(side_effects="forgets a context and its token")
def remove(call: Call, name: Name) -> Result:
    """Forget a context and its token.

    Examples:
        rtp context remove old
    """
    store = Store(os.environ)
    in_use = " From now on: the instance on this machine." if store.current() == name else ""
    forgotten = _shown(store.get(name), "")
    store.remove(name)
    return Result(forgotten, said=f"Forgotten: {name}.{in_use}")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Usage(what=f"{url!r} is not a URL such as https://rtp.example.com")
    if parts.username or parts.password:
        raise Usage(what="a URL carries no user or password here; a token comes by --token-stdin or --token-file")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InsecureTarget(url=url)


def _token(from_stdin: bool, file: str) -> str:
    if from_stdin and file:
        raise Usage(what="--token-stdin and --token-file exclude each other")
    token = ""
    if from_stdin:
        if sys.stdin.isatty():
            import getpass

            with contextlib.suppress(EOFError):  # Ctrl-D: nothing was typed
                token = getpass.getpass("Token: ", stream=sys.stderr).strip()
        else:
            token = sys.stdin.readline().strip()
    elif file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Usage(what=f"{file} cannot be read: {error.strerror}") from error
    else:
        return os.environ.get("RTP_TOKEN", "")
    if not token:
        raise Usage(what="the token is empty")
    return token


def _ask(call: Call, context: Context, token: str) -> tuple[str, str]:
    """Ask the server what it is; a server that does not answer now is no reason not to know it."""
    try:
        with Client(Target(context.name, url=context.url, token=token), timeout=min(5.0, call.flags.timeout)) as client:
            answer = msgspec.json.decode(client.raw("GET", "/whoami").content)
    except RtpError as error:
        return f"Stored. {error.message}", ""
    return f"Stored. It answers as {answer.get('environment', '?')}.", str(answer.get("environment", ""))


def _shown(context: Context, current: str) -> Shown:
    return Shown(
        name=context.name,
        url=context.url,
        environment=context.environment,
        token=f"in {context.token_file}" if context.token_file else _kept(context.token),
        current=context.name == current,
    )


def _kept(token: str) -> str:
    return "stored" if token else "none"
