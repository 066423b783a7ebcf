"""`rtp cache`: warm it, look into it, purge it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from msgspec import structs

from rtp.cache import schemas
from rtp.cache.schemas import CacheClass, CacheEntry, CacheStats, Purged, Warm, Warmed
from rtp_commands.call import Call, Result, read, write
from rtp_commands.errors import Usage

app = typer.Typer()


@app.command()
@read(schemas.STATS)
def stats(call: Call) -> CacheStats:
    """Show hits, misses, errors and keys of each class, over all processes.

    Examples:
        rtp cache stats
        rtp cache stats -o json
    """
    return call.read(schemas.STATS)


@app.command()
@read(schemas.SHOW)
def show(
    call: Call,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Such as prices.show:day-trading-room-monthly.")],
) -> CacheEntry:
    """Show one entry: its value, its tags, and whether it is still current.

    Examples:
        rtp cache show prices.show:day-trading-room-monthly
        rtp cache show products.show:day-trading-room -o json
    """
    return call.read(schemas.SHOW, key=key)


@app.command()
@write(
    schemas.WARM,
    reversible="rtp cache purge TAG",
    side_effects="reads ahead into the cache; no data changes",
)
def warm(
    call: Call,
    class_: Annotated[CacheClass | None, typer.Option("--class", metavar="C", help="Only this class.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every class.")] = False,
) -> Result:
    """Read ahead what will be asked for, newest values included.

    Examples:
        rtp cache warm --all
        rtp cache warm --class hot
    """
    if (class_ is None) != all_:
        raise Usage(what="either --class C or --all says what to warm")
    own, total, chunk = call.flags.idempotency_key, 0, Warm(class_=class_)
    while True:
        quiet, call.output.quiet = call.output.quiet, call.output.quiet or total > 0  # one receipt for all chunks
        done = call.write(schemas.WARM, chunk)
        call.output.quiet = quiet
        total += done.done
        if sys.stderr.isatty():
            call.say(f"{total} done, {done.left} left")
        if done.next is None:
            return Result(Warmed(done=total, left=done.left))
        chunk = structs.replace(chunk, after=done.next)
        if own:
            call.flags = structs.replace(call.flags, idempotency_key=f"{own}-{total}")


@app.command()
@write(schemas.PURGE, reversible="rtp cache warm --all", side_effects="drops entries from the cache; no data changes")
def purge(
    call: Call,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="Such as products or prices.")],
) -> Purged:
    """Drop everything that bears a tag; what is asked for next is read from the database.

    Examples:
        rtp cache purge products
        rtp cache purge prices --dry-run
    """
    return call.write(schemas.PURGE, tag=tag)
