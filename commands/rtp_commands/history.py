"""`rtp history` and `rtp retry`: the intents that were sent from this machine."""

from __future__ import annotations

import itertools
import os
from typing import Annotated, Any

import msgspec
import typer

from rtp.client import Unreachable
from rtp.errors import RtpError
from rtp.kit.ids import WrongId
from rtp_commands.call import Call, Listing, Result, local
from rtp_commands.errors import Usage
from rtp_commands.journal import Ending, Entry, Intent, Journal, now
from rtp_commands.leaf import listing
from rtp_commands.writing import failed, note

app = typer.Typer()
COLUMNS = ("id", "at", "operation", "state")


@app.command()
@listing(columns=COLUMNS)
def history(
    call: Call,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="sent|done|refused|unknown")] = None,
) -> Listing[Entry]:
    """List what was sent from this machine, newest first; `unknown` and `sent` are safe to `rtp retry`.

    Examples:
        rtp history
        rtp history --state unknown -o ids
    """
    flags = call.flags
    if flags.sort not in (None, "-at", "-id"):
        raise Usage(what=f"--sort {flags.sort}: the journal is read newest first, -at")
    entries = (
        entry
        for entry in Journal(os.environ).entries(before=flags.cursor)
        if (state in (None, entry.state))
        and (flags.since is None or entry.at >= flags.since)
        and (flags.until is None or entry.at < flags.until)
    )
    result: Listing[Entry] = Listing(iter(()), {"state": state} if state else {})

    def pages() -> Any:
        while page := list(itertools.islice(entries, flags.limit)):
            following = next(entries, None)
            if not flags.all:
                result.next = page[-1].id if following else None
                yield page
                return
            yield [*page, following] if following else page

    result.pages = pages()
    return result


@app.command()
@local(side_effects="repeats one write as the same intent, with its own key", exit_codes=(3, 4, 5, 6, 7, 9, 13, 14))
def retry(call: Call, operation: Annotated[str, typer.Argument(metavar="OP", help="op_… of `rtp history`.")]) -> Result:
    """Repeat one intent safely: what was carried out is answered from memory, what was not is carried out now.

    Examples:
        rtp retry op_01K8X3Z6Q4V8N2M5T7R9W1Y3B6
    """
    journal = Journal(os.environ)
    try:
        intent = journal.intent(operation)
    except WrongId as error:
        raise Usage(what=str(error)) from error
    if intent.resume:
        raise Usage(what=f"{operation} is a bulk of many requests", hint=" ".join(intent.command))
    _same_server(call, intent)
    content = None if intent.body is None else msgspec.json.encode(intent.body)
    try:
        answer = call.client.raw(
            intent.method, intent.path, query=intent.query, content=content, key=intent.key, op_id=intent.id
        )
    except Unreachable:
        raise  # nothing was sent: what was known of the intent before still holds
    except RtpError as error:
        note(call, journal, intent.id, failed(error))
        raise
    value = msgspec.json.decode(answer.content) if answer.content else None
    target = str(value.get("id", "")) if isinstance(value, dict) else ""
    note(call, journal, intent.id, Ending(at=now(), state="done", request_id=answer.request_id, target=target))
    said = "Replayed: this is the stored answer; nothing was done again." if answer.replayed else "Carried out now."
    return Result(value, said=said)


def _same_server(call: Call, intent: Intent) -> None:
    """An intent goes only where it was meant to go."""
    from rtp_commands.context_store import Store, resolve

    named = intent.context if call.flags.context is None and intent.context in Store(os.environ).names() else None
    call.target = resolve(call.settings, os.environ, named or call.flags.context)
    if call.target.where != intent.where:
        raise Usage(what=f"{intent.id} was meant for {intent.where}, and this is {call.target.where}")
