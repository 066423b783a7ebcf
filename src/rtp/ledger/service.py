"""Use cases of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from msgspec import structs
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of_items
from rtp.errors import InvalidInput
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import policy, repository, rules
from rtp.ledger.schemas import Account, LedgerCheck, LedgerEntry, Posting, Transaction
from rtp.operations import Page


async def post(
    frame: Frame, *, kind: str, source: str, user_id: int, postings: Sequence[Posting], fresh: bool = False
) -> bool:
    """Post one movement of value; False when this source already posted this kind, and nothing is done.

    A `fresh` source was made in this frame, so it cannot have posted before; were it not so, the frame fails.
    The sides must sum to zero; the database refuses them otherwise, when the frame closes.
    """
    effect = f"ledger:{source}:{kind}"
    if fresh:
        frame.add_once(effect)
    elif not await frame.once(effect):
        return False
    repository.add(frame, kind=kind, source=source, user_id=user_id, postings=postings)
    return True


async def page(
    frame: Frame, page: PageRequest, *, account: str = "", source: str = "", user: str = ""
) -> Page[LedgerEntry]:
    """One page of entries."""
    try:
        user_id = ids.parse_user(user) if user else None
        source_id = repository.any_source(source) if source else None
    except ids.WrongId as error:
        raise InvalidInput(what=str(error), fields={"user" if user else "source": str(error)}) from error
    return await repository.page(frame, page, account=account, source=source_id, user_id=user_id)


async def accounts(frame: Frame, page: PageRequest) -> Page[Account]:
    """One page of the chart of accounts, with what each sums to."""
    sums: defaultdict[str, list[Money]] = defaultdict(list)
    for balance in await repository.balances(frame):
        sums[balance.account].append(balance.amount)
    rows = [
        structs.replace(account, code=code, balances=sums[code])
        for account in policy.CHART
        for code in policy.codes(account, sums)
    ]
    return page_of_items(page, rows, lambda account: account.code)


async def transactions(frame: Frame, page: PageRequest) -> Page[Transaction]:
    """One page of whole transactions, oldest first: what the journal of another program is made of."""
    return await repository.transactions(frame, page)


async def check(frame: Frame, since: datetime | None = None) -> LedgerCheck:
    """Recompute everything from zero, in one snapshot, and compare it with what is stored.

    With `since`, what only a new entry can break is looked at where there is an entry since then. An entry's id is as
    old as the plan that it was made by, and its transaction, so `since` must lie that much before the look before.
    """
    await frame.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    try:
        lines = [await rules.check(frame, rule, since) for rule in rules.RULES]
        balances = await repository.balances(frame)
    finally:
        await frame.execute(text("ROLLBACK"))
    held = all(line.state == "held" for line in lines)
    return LedgerCheck(state="held" if held else "broken", rules=lines, balances=balances)
