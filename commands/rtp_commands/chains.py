"""What was found of a member, of two records, of a dispute: as people read it, a line for each thing."""

from __future__ import annotations

import msgspec

from rtp.disputes.schemas import DisputeDetail, EvidencePack
from rtp.reconciliation.schemas import Difference, Facts
from rtp.users.schemas import Diagnosis
from rtp_commands.cells import Cell
from rtp_commands.table import Line, card, pairs, table
from rtp_commands.words import safe

STYLES = {"ok": "green", "unknown": "yellow", "broken": "red"}
COLUMNS = ["what", "name", "here", "there", "fix", "outcome"]


def diagnosis(found: Diagnosis, *, wide: int) -> list[Line]:
    """The chain of each product, link by link, from the provider to the access."""
    lines: list[Line] = [[(safe(f"{found.email} ({found.user_id})"), "bold")]]
    for chain in found.chains:
        heading = " ".join(part for part in (chain.product, chain.subscription_id) if part) or "no subscription"
        lines += [[], [(safe(heading), "bold")]]
        lines += pairs(
            [(f"{link.state:8}{link.name}", Cell(safe(link.what), style=STYLES[link.state])) for link in chain.links],
            wide,
        )
    return lines


def differences(found: list[Difference], *, wide: int, terminal: bool) -> list[Line]:
    """What differs, with both sides and what is proposed."""
    rows = [
        {
            "what": f"{one.noun} {one.kind.replace('_', ' ')}",
            "name": one.name,
            "here": _side(one.ours),
            "there": _side(one.theirs),
            "fix": one.fix.replace("_", " "),
            "outcome": one.outcome.replace("_", " "),
        }
        for one in found
    ]
    return table(COLUMNS, rows, columns_wide=wide, terminal=terminal)


def evidence(pack: EvidencePack, *, wide: int) -> list[Line]:
    """The parts of an evidence pack as they will be read."""
    lines: list[Line] = [[(f"{pack.dispute_id}: {pack.length} of {pack.limit} characters", "bold")]]
    return lines + _parts(pack.parts, wide)


def dispute(found: DisputeDetail, *, wide: int, terminal: bool) -> list[Line]:
    """A dispute as a card, and what was handed in below it, line by line as the bank read it."""
    plain = msgspec.to_builtins(found)
    parts = plain.pop("evidence")
    return card(plain, columns_wide=wide, terminal=terminal) + _parts(parts, wide)


def _parts(parts: dict[str, str], wide: int) -> list[Line]:
    lines: list[Line] = []
    for name, text in parts.items():
        lines += [[], [(safe(name), "bold")]]
        lines += [line for row in text.splitlines() for line in pairs([("", Cell(safe(row)))], wide)]
    return lines


def _side(facts: Facts | None) -> str:
    return "nothing" if facts is None else f"{facts.state.replace('_', ' ')}, {facts.amount}"
