"""Whether somebody is a second person beside who asked for money to be returned, as far as rtp can know.

The database compares the two ids (`ck_refunds_second_person`); what is asked here is who made whom. Both run while the
refund's row is locked, and nobody's maker is ever changed.
"""

from __future__ import annotations

from datetime import datetime

from rtp.db.frame import Frame
from rtp.kit.text import mailbox
from rtp.permissions import at_least
from rtp.refunds.errors import ApproverNotApart, ApproverNotAPerson, ApproverRoleTooLow, LocalOwnerDecides
from rtp.refunds.schemas import RefundRules
from rtp.staff import service as staff
from rtp.tokens import service as tokens

LOCAL = "local"


async def hold(frame: Frame, rules: RefundRules | None, key: str, *, asked_by: str, at: datetime) -> None:
    """Refuse the frame's principal for what another asked for at an instant, unless they are a person of their own.

    Raises: ApproverNotAPerson, ApproverRoleTooLow, LocalOwnerDecides, ApproverNotApart.
    """
    person = frame.principal
    if person.kind not in {"staff", "owner"}:
        raise ApproverNotAPerson(name=person.name)
    wanted = rules.approver if rules is not None else "operator"
    if not at_least(person.role, wanted):
        raise ApproverRoleTooLow(wanted=wanted, own=person.role)
    if (why := await _same(frame, local=_local_counts(frame, rules), asked_by=asked_by, at=at)) is not None:
        raise ApproverNotApart(key=key, why=why)


def _local_counts(frame: Frame, rules: RefundRules | None) -> bool:
    """Whether the local owner is taken for a person beside the staff.

    Raises: LocalOwnerDecides, when it is they who decide and they are not.
    """
    counts = _counted(frame, rules)
    if frame.principal.kind == "owner" and not counts:
        raise LocalOwnerDecides()
    return counts


def _counted(frame: Frame, rules: RefundRules | None) -> bool:
    said = rules.local_approves if rules is not None else None
    return frame.premises.environment == "dev" and said is not False


def warning(frame: Frame, rules: RefundRules | None, asked_by: str) -> str:
    """Why what somebody asks for may find nobody who can approve it; empty where nothing speaks for that."""
    if asked_by != LOCAL or _counted(frame, rules):
        return ""
    return (
        "Nobody whose account or token the local owner made can be the second person to the local owner, so this may "
        "find none. Ask as a staff member instead: rtp tokens create --name NAME --staff EMAIL --role ROLE"
    )


async def _same(frame: Frame, *, local: bool, asked_by: str, at: datetime) -> str | None:
    """Why both may be one person; None where nothing says so."""
    person = frame.principal
    if not (local and asked_by == LOCAL) and asked_by in await tokens.makers(frame, person.id, person.through):
        return "your account or your token was made by them, or by somebody whom they made"
    theirs = await tokens.minters(frame, asked_by, at)
    if not (local and person.id == LOCAL) and person.id in theirs:
        return "you made the token that it was asked for with, or may have been"
    if person.kind == "staff" and mailbox(person.name) in await _mailboxes(frame, {asked_by, *theirs}):
        return f"both have the address {mailbox(person.name)}"
    return None


async def _mailboxes(frame: Frame, keys: set[str]) -> set[str]:
    return {mailbox((await staff.resolve(frame, key))[1].email) for key in keys if key.startswith("stf_")}
