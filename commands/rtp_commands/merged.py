"""Lists of files: those that this machine finds, and those that only the server's instance has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from rtp.errors import RtpError
from rtp.operations import Operation
from rtp_commands.call import Call, Listing

T = TypeVar("T")


def merged(call: Call, op: Operation[None, T], here: Iterable[T], key: Callable[[T], str]) -> Listing[T]:
    """A page of both, by key; where both have one, this machine's is what a command would take."""
    known = {key(one): one for one in here}
    try:
        for page in call.client.pages(op, limit=500):
            for one in page.items:
                known.setdefault(key(one), one)
    except RtpError as error:
        call.say(f"Only what this machine has: {error.message}")
    found = [known[name] for name in sorted(known) if name > (call.flags.cursor or "")]
    shown = found if call.flags.all else found[: call.flags.limit]
    return Listing(iter([shown]), {}, key(shown[-1]) if len(shown) < len(found) else None)
