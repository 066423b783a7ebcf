"""What crosses the API about users, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from rtp.kit.money import Money
from rtp.kit.text import Email, Long, Short, Zone
from rtp.operations import listing, read, write
from rtp.subscriptions.schemas import Service

UserStatus = Literal["active", "suspended"]
MAX_IMPORT_ROWS = 5_000
"""Rows that one import batch may hold."""


class User(Struct, kw_only=True):
    """A member: `timezone` is an IANA zone, `version` counts the changes, times are UTC."""

    id: str
    email: str
    name: str
    status: UserStatus
    timezone: str
    version: int
    created_at: datetime
    updated_at: datetime


class Note(Struct, kw_only=True):
    """What staff wrote about a member."""

    id: str
    user_id: str
    text: str
    author: str
    created_at: datetime


class NextCharge(Struct, kw_only=True):
    """What a member is charged next, and when."""

    at: datetime
    amount: Money
    price: str


class PaymentLine(Struct, kw_only=True):
    """A payment as the support page shows it."""

    id: str
    amount: Money
    refundable: Money
    state: str
    purpose: str
    created_at: datetime


class RefundLine(Struct, kw_only=True):
    """A refund as the support page shows it."""

    id: str
    payment_id: str
    amount: Money
    state: str
    reason: str
    created_at: datetime


class UserDetail(User, kw_only=True):
    """The support page of one member: services and why each is open, the next charge, the newest money, notes."""

    services: list[Service] = []
    next_charge: NextCharge | None = None
    payments: list[PaymentLine] = []
    refunds: list[RefundLine] = []
    notes: list[Note] = []


class CreateUser(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new member."""

    email: Email
    name: Short
    timezone: Zone = "UTC"


class UpdateUser(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields to change; what is not given stays."""

    email: Email | UnsetType = UNSET
    name: Short | UnsetType = UNSET
    timezone: Zone | UnsetType = UNSET


class CreateNote(Struct, kw_only=True, forbid_unknown_fields=True):
    """A note for the support page."""

    text: Long


class ImportRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of an import: `row` is its number in the caller's file."""

    row: int
    email: Email
    name: Short
    timezone: Zone = "UTC"


class RefusedRow(Struct, kw_only=True):
    """A line that was not taken, and why."""

    row: int
    email: str
    code: str
    message: str


class ImportResult(Struct, kw_only=True):
    """What became of a batch; `existing` rows were there before and were left as they are."""

    created: int
    existing: int
    refused: list[RefusedRow]


LinkName = Literal["provider", "webhook", "payment", "subscription", "entitlement"]
LinkState = Literal["ok", "broken", "unknown"]


class Link(Struct, kw_only=True):
    """One link of a chain: what was found there, and the command that mends or shows it."""

    name: LinkName
    state: LinkState
    what: str
    id: str
    command: str


class Chain(Struct, kw_only=True):
    """From the provider's record to the entitlement, for one product; `broken` is the first link that broke."""

    subscription_id: str | None
    product: str
    state: LinkState
    broken: LinkName | None
    command: str
    links: list[Link]


class Diagnosis(Struct, kw_only=True):
    """Why a member has what they paid for, or has not: the first link that broke, and the command that mends it."""

    user_id: str
    email: str
    state: LinkState
    broken: LinkName | None
    command: str
    chains: list[Chain]


CREATE = write("users.create", "POST", "/users", User, body=CreateUser, status=201)
LIST = listing("users.list", "/users", User)
EXPORT = listing("users.export", "/users/export", User)
SHOW = read("users.show", "/users/{user}", UserDetail)
DIAGNOSE = read("users.diagnose", "/users/{user}/diagnosis", Diagnosis)
UPDATE = write("users.update", "PATCH", "/users/{user}", User, body=UpdateUser)
SUSPEND = write("users.suspend", "POST", "/users/{user}/suspend", User)
RESTORE = write("users.restore", "POST", "/users/{user}/restore", User)
NOTE = write("users.note", "POST", "/users/{user}/notes", Note, body=CreateNote, status=201)
IMPORT = write("users.import", "POST", "/users/import", ImportResult, body=ImportRow, media="ndjson")
