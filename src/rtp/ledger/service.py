"""Use cases of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import InvalidInput
from rtp.kit import ids
from rtp.ledger import repository
from rtp.ledger.schemas import LedgerCheck, LedgerEntry, Posting
from rtp.operations import Page


async def post(frame: Frame, *, kind: str, source: str, user_id: int, postings: Sequence[Posting]) -> bool:
    """Post one movement of value; False when this source already posted this kind, and nothing is done.

    The sides must sum to zero; the database refuses them otherwise.
    """
    if not await frame.once(f"ledger:{source}:{kind}"):
        return False
    await repository.add(frame, kind=kind, source=source, user_id=user_id, postings=postings)
    return True


async def page(
    frame: Frame, page: PageRequest, *, account: str = "", source: str = "", user: str = ""
) -> Page[LedgerEntry]:
    """One page of entries."""
    try:
        user_id = ids.parse_user(user) if user else None
        source_id = ids.parse("rfd" if source.startswith("rfd_") else "pay", source) if source else None
    except ids.WrongId as error:
        raise InvalidInput(what=str(error), fields={"user" if user else "source": str(error)}) from error
    return await repository.page(frame, page, account=account, source=source_id, user_id=user_id)


async def check(frame: Frame) -> LedgerCheck:
    """Recompute everything from zero, in one snapshot, and compare it with what is stored."""
    await frame.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    try:
        rules = [await repository.check(frame, rule) for rule in repository.RULES]
        balances = await repository.balances(frame)
    finally:
        await frame.execute(text("ROLLBACK"))
    held = all(line.state == "held" for line in rules)
    return LedgerCheck(state="held" if held else "broken", rules=rules, balances=balances)
