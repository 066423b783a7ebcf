"""Routes of the ledger."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.ledger import schemas, service
from rtp.ledger.schemas import Account, LedgerCheck, LedgerEntry, Transaction
from rtp.operations import Page
from rtp_server.operation import operation

AccountCode = Annotated[str, QueryParameter(max_length=100, description="Such as deferred or clearing:sandbox.")]
Source = Annotated[str, QueryParameter(max_length=100, description="Id of the payment, refund, dispute or adjustment.")]
User = Annotated[str, QueryParameter(max_length=100, description="Id of a member.")]


@operation(schemas.LIST)
async def list_entries(
    frame: Frame, page: PageRequest, account: AccountCode = "", source: Source = "", user: User = ""
) -> Page[LedgerEntry]:
    """List ledger entries, newest first."""
    return await service.page(frame, page, account=account, source=source, user=user)


@operation(schemas.CHECK)
async def check(frame: Frame) -> LedgerCheck:
    """Recompute the ledger from zero."""
    return await service.check(frame)


@operation(schemas.ACCOUNTS)
async def list_accounts(frame: Frame, page: PageRequest) -> Page[Account]:
    """The chart of accounts, with what each sums to."""
    return await service.accounts(frame, page)


@operation(schemas.EXPORT)
async def export(frame: Frame, page: PageRequest) -> Page[Transaction]:
    """List whole transactions, oldest first."""
    return await service.transactions(frame, page)


HANDLERS = (list_entries, check, list_accounts, export)
