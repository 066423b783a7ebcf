"""The report on a month's refunds as people read it."""

from __future__ import annotations

from typing import Any

import msgspec

from rtp.kit.text import counted
from rtp.refund_reports.schemas import RefundReport
from rtp_commands.cells import Cell
from rtp_commands.table import Line, pairs, table

PAIRS = ("issuer", "approver", "count", "amount", "mutual")
SAMPLE = ("id", "amount", "state", "reason", "ticket", "issuer", "approver", "mutual")


def page(shown: RefundReport, wide: int) -> list[Line]:
    """What it covers, who approved whose, and the refunds to look at."""
    head = [("Month", Cell(f"{shown.month} (UTC)" if shown.ended else f"{shown.month} (UTC), not over"))]
    head += [("Refunds", Cell(f"{shown.count}, of which {shown.drawn} drawn ({shown.share}, seed {shown.seed})"))]
    for one in shown.sums:
        same = f"{counted(one.count, 'refund')}, {one.amount}: as in the ledger"
        other = Cell(f"{counted(one.count, 'refund')}, {one.amount}: the ledger has {one.booked}", style="red")
        head += [(f"  {one.amount.currency}", Cell(same) if one.amount == one.booked else other)]
    return [
        *pairs(head, wide),
        *_part("Who approved whose", PAIRS, shown.pairs, wide),
        *_part("To look at", SAMPLE, shown.sample, wide),
    ]


def _part(title: str, columns: tuple[str, ...], rows: list[Any], wide: int) -> list[Line]:
    told = [{name: msgspec.to_builtins(getattr(row, name)) for name in columns} for row in rows]
    heading: list[Line] = [[], [(f"{title} ({len(rows)})", "bold")]]
    return [*heading, *table(columns, told, columns_wide=wide, terminal=True)] if rows else heading
