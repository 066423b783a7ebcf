"""`rtp today`: the morning page, as text and as a file."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.kit.clock import to_text
from rtp.reports import Check, Report, Section, Table, parse, write
from rtp.today import schemas
from rtp.today.schemas import Today
from rtp_commands.call import Call, read

app = typer.Typer()


@app.command()
@read(schemas.SHOW)
def today(
    call: Call,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FORMAT:FILE", help="Write it too: html, md, junit or json.")
    ] = None,
) -> Today:
    """Show the morning page: is money flowing, does everybody have what they paid for, what needs a person.

    Examples:
        rtp today
        rtp today --report html:today.html
    """
    if report is not None:
        parse(report)
    page = call.read(schemas.SHOW)
    if report is not None:
        write(report, page_of(page))
    return page


def page_of(page: Today) -> Report:
    """The morning page as a report."""
    quiet = not page.attention
    return Report(
        title="Today",
        verdict="nothing needs you" if quiet else f"{len(page.attention)} things need you",
        held=quiet,
        at=to_text(page.at),
        checks=[
            Check(name=item.what, outcome="failed", detail=f"{item.count} · {item.command}") for item in page.attention
        ],
        sections=[
            Section(
                title="Members",
                facts={
                    "active subscriptions": page.active_subscriptions,
                    "new members, 24 h": page.new_members_today,
                    "trials ending within 24 h": page.trials_ending_today,
                    "renewals due within 24 h": page.renewals_due_today,
                },
            ),
            Section(
                title="Platform",
                facts={
                    "ledger": f"{page.ledger}, looked at {to_text(page.ledger_at)}",
                    "jobs waiting": page.jobs_waiting,
                    "oldest waiting job, s": page.oldest_job_seconds,
                    "events behind, s": page.event_lag_seconds,
                }
                | {f"{item.name}, ms": item.latency_ms for item in page.dependencies},
            ),
        ],
        tables=[
            Table(
                title="Money, last 24 h",
                columns=["currency", "payments", "revenue", "refunds", "refunded", "revenue a week before"],
                rows=[
                    [row.currency, row.payments, row.revenue, row.refunds, row.refunded, row.revenue_week_before]
                    for row in page.taken
                ],
            ),
            Table(
                title="Disputes to answer",
                columns=["dispute", "amount", "until", "left"],
                rows=[[row.id, row.amount, to_text(row.due_by), row.left] for row in page.disputes],
            ),
            Table(
                title="Failed payments, last 24 h",
                columns=["reason", "count"],
                rows=[[row.reason, row.count] for row in page.failed_payments],
            ),
        ],
    )
