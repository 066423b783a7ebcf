"""Compares the provider's record with ours: theirs is asked for first and outside of any transaction, ours set by set.

In memory are the provider's facts of the span, and of ours one set at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import islice

import structlog
from msgspec import structs

from rtp.db.frame import Frame
from rtp.payments.ports import Listed, PaymentProvider, ProviderCharge, ProviderDispute, ProviderRefund
from rtp.reconciliation import policy, repository
from rtp.reconciliation.policy import Theirs
from rtp.reconciliation.schemas import SHOWN, Difference, Look, Noun

log = structlog.get_logger("rtp.reconciliation")
SET = 1000
"""Rows of ours that are read at once."""
Opening = Callable[[], AbstractAsyncContextManager[Frame]]


class Comparison:
    """One comparison: a provider by the name that payments know it by, from `since` until ten minutes ago."""

    def __init__(
        self, provider: PaymentProvider, name: str, reading: Opening, *, since: datetime, now: datetime
    ) -> None:
        self.provider = provider
        self.name = name
        self.reading = reading
        self.since = since
        self.until = now - policy.LEEWAY
        self.found: list[Difference] = []
        self.counts: dict[Noun, int] = {}
        self.unread: list[str] = []
        self._disputes: list[ProviderDispute] | None = None

    async def look(self) -> Look:
        """Compare everything; changes nothing.

        Raises: ProviderUnavailable, ProviderRefused.
        """
        charges = await self.provider.list_charges(self.since)
        await self._compare("charge", [_charge(one) for one in charges], self._unread("charge", charges))
        refunds = await self.provider.list_refunds(self.since)
        await self._compare("refund", [_refund(one) for one in refunds], self._unread("refund", refunds))
        disputes = await self.provider.list_disputes(self.since)
        await self._compare("dispute", [_dispute(one) for one in disputes], self._unread("dispute", disputes))
        if self.unread:
            log.warning("not_compared", provider=self.name, count=len(self.unread), first=self.unread[0])
        async with self.reading() as frame:
            digests = await repository.set_aside_digests(frame, self.name, self.found)
        new = [one for one in self.found if policy.digest(one) not in digests]
        stands = [one for one in new[:SHOWN] if await self.stands(one)]
        left_out = max(0, len(new) - SHOWN)
        return Look(
            state="differs" if stands or left_out else "equal",
            provider=self.name,
            since=self.since,
            until=self.until,
            charges=self.counts["charge"],
            refunds=self.counts["refund"],
            disputes=self.counts["dispute"],
            found=len(stands) + left_out,
            left_out=left_out,
            set_aside=len(self.found) - len(new),
            differences=stands,
            unread=self.unread[:SHOWN],
        )

    async def stands(self, found: Difference) -> bool:
        """Whether a difference is still there when both sides are asked once more for this one thing."""
        theirs = await self.theirs(found)
        async with self.reading() as frame:
            now = await self.judged(frame, found, theirs)
        return now is not None and policy.digest(now) == policy.digest(found)

    async def theirs(self, found: Difference) -> ProviderCharge | ProviderRefund | ProviderDispute | None:
        """The provider's own of a difference, as it has it now."""
        if found.noun == "charge":
            return await self.provider.retrieve_charge_by_key(found.key)
        if found.noun == "refund":
            return await self.provider.retrieve_refund_by_key(found.key)
        if self._disputes is None:  # once for all of them: no provider shows a single one
            self._disputes = await self.provider.list_disputes(self.since)
        return next((one for one in self._disputes if one.ref == _ref(found)), None)

    async def judged(
        self, frame: Frame, found: Difference, told: ProviderCharge | ProviderRefund | ProviderDispute | None
    ) -> Difference | None:
        """The difference between what the provider has now and ours in this frame; None when there is none."""
        theirs = facts(told)
        names = [found.key] if found.noun != "dispute" else [theirs.ref if theirs else _ref(found)]
        ours = (await repository.named(frame, found.noun, self.name, names)).get(names[0])
        if theirs is not None:
            [theirs] = await self._known(frame, found.noun, [theirs])
        return policy.JUDGES[found.noun](ours, theirs) if policy.quiet(ours, theirs, self.until) else None

    def _unread(self, noun: Noun, told: Sequence[object]) -> set[str]:
        """The names of what a list left out, as it cannot be written here: it is there, so ours is not missing."""
        unread = told.unread if isinstance(told, Listed) else []
        self.unread += [f"{noun} {one.ref}: {one.why}" for one in unread]
        return {one.ref for one in unread} | {one.key for one in unread}

    async def _compare(self, noun: Noun, theirs: Sequence[Theirs], unread: set[str]) -> None:
        self.counts[noun] = len(theirs)
        judge = policy.JUDGES[noun]
        seen = {one.ref if noun == "dispute" else one.key for one in theirs} | unread
        for some in _sets(theirs):
            names = [one.ref if noun == "dispute" else one.key for one in some]
            async with self.reading() as frame:
                ours = await repository.named(frame, noun, self.name, names)
                listed = await self._known(frame, noun, some)
            pairs = zip(names, listed, strict=True)
            self._keep(
                judge(ours.get(name), one) for name, one in pairs if policy.quiet(ours.get(name), one, self.until)
            )
        last = ""
        while True:
            async with self.reading() as frame:
                rows = await repository.after(
                    frame, noun, self.name, since=self.since, until=self.until, after=last, limit=SET
                )
            missing = [one for one in rows if (one.ref if noun == "dispute" else one.key) not in seen]
            self._keep(judge(one, None) for one in missing if policy.quiet(one, None, self.until))
            if len(rows) < SET:
                return
            last = rows[-1].name

    async def _known(self, frame: Frame, noun: Noun, some: Sequence[Theirs]) -> list[Theirs]:
        """Mark what is about payments of ours, as far as it matters for what is proposed."""
        if noun == "charge":
            return list(some)
        if noun == "refund":
            left = await repository.refundable_among(frame, self.name, [one.charge_ref for one in some])
            return [structs.replace(one, known=policy.fits(left.get(one.charge_ref), one.amount)) for one in some]
        keys = await repository.payments_among(frame, self.name, [one.key for one in some])
        return [structs.replace(one, known=one.key in keys) for one in some]

    def _keep(self, differences: Iterator[Difference | None]) -> None:
        self.found += [one for one in differences if one is not None]


def facts(told: ProviderCharge | ProviderRefund | ProviderDispute | None) -> Theirs | None:
    """What is compared of the provider's own."""
    if isinstance(told, ProviderCharge):
        return _charge(told)
    if isinstance(told, ProviderRefund):
        return _refund(told)
    return None if told is None else _dispute(told)


def _charge(one: ProviderCharge) -> Theirs:
    amount = one.captured if one.state == "succeeded" else one.amount
    return Theirs(ref=one.ref, key=one.key, state=one.state, amount=amount, created_at=one.created_at)


def _refund(one: ProviderRefund) -> Theirs:
    return Theirs(
        ref=one.ref, key=one.key, state=one.state, amount=one.amount, created_at=one.created_at,
        charge_ref=one.charge_ref,
    )  # fmt: skip


def _dispute(one: ProviderDispute) -> Theirs:
    return Theirs(ref=one.ref, key=one.key, state=one.state, amount=one.amount, created_at=one.created_at, fee=one.fee)


def _ref(found: Difference) -> str:
    side = found.theirs or found.ours
    return side.ref if side is not None else ""


def _sets(theirs: Sequence[Theirs]) -> Iterator[list[Theirs]]:
    rest = iter(theirs)
    while some := list(islice(rest, SET)):
        yield some
