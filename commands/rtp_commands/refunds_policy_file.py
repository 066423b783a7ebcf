"""A refund policy as YAML, read and written: amounts in major units, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.permissions import Role
from rtp.refunds.schemas import DeskLimit, MemberLimit, ProductRule, RefundRules, Subject, Threshold
from rtp_commands.catalog_file import loaded, refused

Text = str | int | None
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None
SPANS = ("day", "week", "month")


class FileLimit(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one of a role may refund; what is left out is without limit."""

    role: Subject
    currency: Currency = None
    one: Text = None
    day: Text = None
    week: Text = None
    month: Text = None


class FileMember(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one member may be refunded."""

    currency: Currency = None
    day: Text = None
    week: Text = None
    month: Text = None


class FileThreshold(Struct, kw_only=True, forbid_unknown_fields=True):
    """Above this a ticket is named, or a second person approves."""

    above: str | int
    currency: Currency = None


class File(Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file; `currency` holds where nothing else is said."""

    currency: str = "USD"
    window_days: int | None = None
    products: list[ProductRule] = []
    limits: list[FileLimit]
    members: list[FileMember] = []
    ticket: list[FileThreshold] = []
    approval: list[FileThreshold] = []
    approver: Role = "operator"
    approval_days: int = 3
    hold_after_email_change_days: int | None = None
    local_approves: bool | None = None


def read(path: Path) -> RefundRules:
    """The policy in a file, or on stdin for `-`.

    Raises: Usage, naming the file and the line or path of what is wrong.
    """
    file = loaded(path, File)
    limits = [_limits(path, f"limits[{place}]", file, one, ("one", *SPANS)) for place, one in enumerate(file.limits)]
    members = [_limits(path, f"members[{place}]", file, one, SPANS) for place, one in enumerate(file.members)]
    ticket = [_limits(path, f"ticket[{place}]", file, one, ("above",)) for place, one in enumerate(file.ticket)]
    approval = [_limits(path, f"approval[{place}]", file, one, ("above",)) for place, one in enumerate(file.approval)]
    return RefundRules(
        window_days=file.window_days,
        products=file.products,
        limits=[DeskLimit(role=one.role, **given) for one, given in zip(file.limits, limits, strict=True)],
        members=[MemberLimit(**given) for given in members],
        ticket=[Threshold(**given) for given in ticket],
        approval=[Threshold(**given) for given in approval],
        approver=file.approver,
        approval_days=file.approval_days,
        hold_after_email_change_days=file.hold_after_email_change_days,
        local_approves=file.local_approves,
    )


def written(rules: RefundRules) -> str:
    """The policy as a file that `read` takes."""
    import yaml

    document = {
        "window_days": rules.window_days,
        "products": [_said(msgspec.to_builtins(row), "") for row in rules.products],
        "limits": [_said(msgspec.to_builtins(row), row.currency) for row in rules.limits],
        "members": [_said(msgspec.to_builtins(row), row.currency) for row in rules.members],
        "ticket": [_said(msgspec.to_builtins(row), row.currency) for row in rules.ticket],
        "approval": [_said(msgspec.to_builtins(row), row.currency) for row in rules.approval],
        "approver": rules.approver,
        "approval_days": rules.approval_days,
        "hold_after_email_change_days": rules.hold_after_email_change_days,
        "local_approves": rules.local_approves,
    }
    given = {name: value for name, value in document.items() if value is not None}
    return yaml.safe_dump(given, sort_keys=False, width=72, default_flow_style=None)


def _said(row: dict[str, Any], currency: str) -> dict[str, Any]:
    """A row without what it does not say, its amounts in major units."""
    return {
        name: str(Money(value, currency)).partition(" ")[0].replace(",", "")
        if currency and isinstance(value, int)
        else value
        for name, value in row.items()
        if value is not None
    }


def _limits(path: Path, place: str, file: File, one: Any, names: tuple[str, ...]) -> dict[str, Any]:
    currency = one.currency or file.currency
    given: dict[str, Any] = {"currency": currency}
    for name in names:
        text = getattr(one, name)
        try:
            given[name] = None if text is None else Money.parse(str(text), currency).amount
        except ValueError as error:
            raise refused(path, f"{place}.{name}", str(error)) from error
    return given
