"""Use cases of the invariants: look at all of them, keep what was found, tell what it was."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.events import service as events
from rtp.invariants import policy, repository
from rtp.invariants.policy import Reach
from rtp.invariants.rules import PAID_FOR_NOTHING, RULES
from rtp.invariants.schemas import Finding, LastReport, MoneyReport
from rtp.ledger import service as ledger
from rtp.payments.errors import ProviderRefused, ProviderUnavailable
from rtp.payments.ports import PaymentProvider, ProviderCharge, ProviderRefund
from rtp.reconciliation import service as reconciliation

LEDGER = "ledger"
RECORD = "provider record"
RECONCILED = "reconciliation"
LATEST = policy.LATEST


class Record(Struct, frozen=True, kw_only=True):
    """What a provider answered about the last days, or why it did not."""

    provider: str
    charges: list[ProviderCharge] = []
    refunds: list[ProviderRefund] = []
    silence: str = ""


async def ask(provider: PaymentProvider, now: datetime) -> Record:
    """The provider's record of the last days; asked outside of any transaction."""
    since = now - policy.SPAN
    try:
        return Record(
            provider=provider.name,
            charges=await provider.list_charges(since),
            refunds=await provider.list_refunds(since),
        )
    except (ProviderUnavailable, ProviderRefused) as error:
        return Record(provider=provider.name, silence=error.message)


async def reach(frame: Frame) -> Reach | None:
    """How far a look at the ledger needs to reach back to know as much as one at all of it; None is all of it."""
    return await repository.reach(frame, LEDGER)


async def examine(frame: Frame, record: Record, reach: Reach | None = None) -> MoneyReport:
    """Look at every rule now; at all of the ledger, or only as far as `reach` says."""
    checks = [
        await _ledger(frame, reach),
        await _record(frame, record),
        *[await repository.judge(frame, rule) for rule in RULES],
        await _unasked(frame),
        await _reconciled(frame),
        await _consumers(frame),
    ]
    return MoneyReport(state=policy.worst(checks), at=frame.now, checks=checks)


async def paid_for_nothing(frame: Frame) -> Finding:
    """Payments for subscriptions that count for nothing, of which nothing went back, as they are now."""
    return await repository.judge(frame, PAID_FOR_NOTHING)


async def keep(frame: Frame, report: MoneyReport, *, whole: bool = True) -> None:
    """Store what was found, and whether all of the ledger was looked at; a rule that breaks or heals is an event."""
    await repository.lock(frame)
    known = await repository.last(frame)
    for found in report.checks:
        before = known[found.name][0] if found.name in known else None
        changed = before is not None and before.state != found.state
        version = await repository.keep(frame, found, changed=changed, whole=whole or found.name != LEDGER)
        was_broken = before is not None and before.state == "failed"
        if found.state == "failed" and not was_broken:
            frame.record("invariant.broken", found.name, version, before=before, after=found)
        elif found.state == "ok" and was_broken:
            frame.record("invariant.healed", found.name, version, before=before, after=found)


async def last(frame: Frame) -> LastReport:
    """What was found when the job last looked."""
    known = await repository.last(frame)
    return LastReport(
        at=min((at for _, _, at in known.values()), default=None),
        broken=[name for name, (found, _, _) in known.items() if found.state == "failed"],
        unjudged=[name for name, (found, _, _) in known.items() if found.state == "warning"],
    )


async def _ledger(frame: Frame, reach: Reach | None) -> Finding:
    verdict = await ledger.check(frame, reach.since if reach else None)
    entries = sum(balance.entries for balance in verdict.balances)
    broken = [f"{line.rule}: {id}" for line in verdict.rules for id in line.broken]
    held = f"{len(verdict.rules)} rules hold over {entries} entries{f'; {reach.words}' if reach else ''}"
    return policy.finding(LEDGER, broken, held=held, fix="rtp ledger check")


async def _record(frame: Frame, record: Record) -> Finding:
    if record.silence:
        return Finding(name=RECORD, state="warning", count=0, detail=record.silence, examples=[], fix="rtp status")
    since = frame.now - policy.SPAN
    charges, refunds = policy.charges(record.charges), policy.refunds(record.refunds)
    paid = await repository.payments(frame, record.provider, since, [one.key for one in charges])
    returned = await repository.refunds(frame, record.provider, since, [one.key for one in refunds])
    until = frame.now - policy.LEEWAY
    found = [
        *policy.compare(paid, charges, since=since, until=until),
        *policy.compare(returned, refunds, since=since, until=until),
    ]
    held = f"charges {len(charges)}, refunds {len(refunds)}: {policy.SPAN.days} days are equal here and there"
    seen_to = await reconciliation.seen_to(frame, record.provider, [one.key for one in found])
    broken = [f"{one.key}: {one.what}" for one in found if one.key not in seen_to]
    return policy.finding(RECORD, broken, held=held, fix="rtp reconcile run")


async def _unasked(frame: Frame) -> Finding:
    broken = [key for noun in repository.PREFIX for key in await repository.unasked(frame, noun)]
    held = "whatever has no outcome yet is going to be asked about"
    return policy.finding("unknown outcomes", broken, held=held, fix="rtp refunds list --state unknown")


async def _reconciled(frame: Frame) -> Finding:
    """What comparisons of both whole records have left open; one is made each night."""
    if (left := await reconciliation.left_open(frame)) is not None:
        run_id, count = left
        return policy.finding(RECONCILED, [run_id], count=count, held="", fix=f"rtp reconcile show {run_id}")
    run = await reconciliation.compared(frame)
    if run is None:
        return policy.finding(RECONCILED, [], held="both records are compared each night; not yet", fix="")
    if run.created_at < frame.now - reconciliation.LATEST:
        what = f"not compared since {run.created_at:%Y-%m-%d %H:%M} UTC"
        return Finding(name=RECONCILED, state="warning", count=0, detail=what, examples=[], fix="rtp reconcile run")
    held = f"charges {run.charges}, refunds {run.refunds}, disputes {run.disputes}: equal here and there"
    return policy.finding(RECONCILED, [], held=held, fix="")


async def _consumers(frame: Frame) -> Finding:
    late = [name for name, seconds in (await events.lag(frame)).items() if seconds > policy.LEEWAY.total_seconds()]
    return policy.finding("events due", late, held="no consumer is 10 minutes behind", fix="rtp logs worker")
