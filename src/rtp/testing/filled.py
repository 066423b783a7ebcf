"""A filled platform: members, subscriptions, payments, a refund, staff, tokens, dead jobs, plans; more on demand."""

from __future__ import annotations

import csv
import itertools
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
from psycopg import sql

from rtp.cache import schemas as cache
from rtp.chaos import schemas as chaos
from rtp.chaos.schemas import RecordRun
from rtp.client import Client, Target
from rtp.kit import signing
from rtp.loadtests import schemas as loadtests
from rtp.payments import http_provider
from rtp.payments import schemas as payments
from rtp.payments.schemas import AddMethod
from rtp.products import schemas as products
from rtp.refunds import schemas as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.runtime.instance import Instance, account_sockets
from rtp.runtime.postgres import DATABASE
from rtp.settings import Settings
from rtp.staff import schemas as staff
from rtp.staff.schemas import CreateStaff
from rtp.subscriptions import schemas as subscriptions
from rtp.subscriptions.schemas import CreateSubscription
from rtp.testing import filled_disputes, filled_webhooks
from rtp.testing.instance import RunningInstance, running
from rtp.testing.waiting import eventually
from rtp.tokens import schemas as tokens
from rtp.tokens.schemas import CreateToken
from rtp.users import schemas as users
from rtp.users.schemas import CreateNote, CreateUser

ADA = "ada@example.com"
PRICE = "explosive-swings-monthly"
"""A price without trial days: a subscription to it is charged at once."""
SECONDS = 60.0
DEAD_JOB = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, priority)
    VALUES ('upkeep', 'jobs.sweep', '{}', 'failed', 3, 0) RETURNING id
"""


@dataclass(frozen=True)
class Subscribed:
    """A member with an active subscription that was paid for."""

    email: str
    subscription: str
    payment: str
    method: str


@dataclass
class Filled:
    """The platform, a client as its local owner, and one id of each kind; `member` and the like make another one."""

    platform: RunningInstance
    client: Client
    ids: dict[str, str] = field(default_factory=dict)
    _paid: list[Subscribed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def e_mail(self) -> str:
        """An address that nobody has."""
        return f"somebody-{next(self._numbers)}@example.com"

    def member(self) -> str:
        """The e-mail of a new member."""
        email = self.e_mail()
        self.write(users.CREATE, CreateUser(email=email, name="Some Body"))
        return email

    def suspended(self) -> str:
        """The e-mail of a suspended member."""
        email = self.member()
        self.write(users.SUSPEND, user=email)
        return email

    def subscribed(self) -> Subscribed:
        """A paid subscription that nobody else was given."""
        with self._lock:
            if not self._paid:
                self._paid += self._subscribe(20)
            return self._paid.pop()

    def stock(self, count: int) -> None:
        """Make paid subscriptions ahead, together, which is quicker than one by one."""
        with self._lock:
            self._paid += self._subscribe(count)

    def paused(self) -> str:
        """The id of a paused subscription."""
        found = self.subscribed()
        self.write(subscriptions.PAUSE, subscription=found.subscription)
        return found.subscription

    def method(self) -> str:
        """The id of a card that the provider has taken."""
        made = self.write(payments.ADD_METHOD, AddMethod(card="visa"), user=self.member())
        eventually("the card is active", lambda: self.client.read(payments.METHOD, method=made.id).state == "active")
        return str(made.id)

    def dead_job(self) -> str:
        """The id of a job that gave up."""
        with self.database() as connection:
            row = connection.execute(DEAD_JOB).fetchone()
        assert row is not None
        return f"job_{row[0]}"

    def load_run(self) -> str:
        """The id of a load test that ran."""
        begun = self.write(loadtests.START, loadtests.StartLoad(name="member"))
        ended = loadtests.LoadRun(id=begun.id, name="member", verdict="held", exit_code=0)
        return str(self.write(loadtests.FINISH, ended).id)

    def look_at_the_catalog(self) -> None:
        """Read what is then in the cache."""
        self.client.read(products.SHOW, product="day-trading-room")
        self.client.read(products.SHOW_PRICE, price="day-trading-room-monthly")

    def webhook(self) -> str:
        """The id of a message that the provider signed and that nothing here has a use for."""
        body = msgspec.json.encode({"type": "customer.updated", "number": next(self._numbers)})
        secret = http_provider.webhook_secret(Settings(home=str(self.platform.home)))
        headers = signing.headers([secret], f"msg_{uuid.uuid4().hex}", int(time.time()), body)
        answer = httpx.post(f"{self.platform.url}/v1/webhooks/sandbox", content=body, headers=headers, timeout=SECONDS)
        return str(answer.raise_for_status().json()["id"])

    def plan(self) -> str:
        """The id of a plan that can be carried out."""
        body = CreateUser(email=self.e_mail(), name="Planned")
        planned = self.client.write(users.CREATE, body, dry_run=True).plan
        assert planned is not None
        return planned.id

    def colleague(self) -> str:
        """The e-mail of a new staff member."""
        email = self.e_mail()
        self.write(staff.CREATE, CreateStaff(email=email, name="A Colleague", role="support"))
        return email

    def token(self, role: Any = "viewer") -> tokens.CreatedToken:
        """A new token."""
        made: tokens.CreatedToken = self.write(tokens.CREATE, CreateToken(name="of a test", role=role))
        return made

    def write(self, operation: Any, body: Any = None, **at: Any) -> Any:
        """Carry one write out as the local owner."""
        return self.client.write(operation, body, key=f"filled-{uuid.uuid4()}", at=at).value

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """The platform's database as its owning role."""
        instance = Instance(Settings(home=str(self.platform.home)))
        sockets = instance.socket_folder
        if not (sockets / ".s.PGSQL.5432").exists():
            owner = (self.platform.home / "instance.json").stat().st_uid
            sockets = account_sockets(self.platform.home, owner)
        password = instance.secrets().owner_password
        known: dict[str, Any] = {"host": str(sockets), "dbname": DATABASE, "user": "rtp_owner", "password": password}
        with psycopg.connect(**known, autocommit=True) as connection:
            yield connection

    def _subscribe(self, count: int) -> list[Subscribed]:
        """Members with one paid subscription each, made and charged together."""
        emails = [self.e_mail() for _ in range(count)]
        self._lines(users.IMPORT, [{"row": i, "email": one, "name": "Pay Er"} for i, one in enumerate(emails)])
        rows = [{"row": i, "email": one, "price": PRICE, "card": "visa"} for i, one in enumerate(emails)]
        self._lines(subscriptions.IMPORT, rows)
        return [self._paid_of(email) for email in emails]

    def _lines(self, operation: Any, rows: list[dict[str, Any]]) -> None:
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        done: Any = self.client.write(operation, lines=lines, key=f"filled-{uuid.uuid4()}").value
        assert done.created == len(rows), done

    def _paid_of(self, email: str) -> Subscribed:
        def paid() -> Any:
            [one] = self.client.page(subscriptions.LIST, user=email).items
            return one if one.payment_state == "succeeded" else None

        one = eventually(f"{email} has paid", paid)
        return Subscribed(email, one.id, one.payment_id, one.payment_method_id)


@contextmanager
def filled(folder: Path, examples: Path) -> Iterator[Filled]:
    """A throwaway platform with the shipped catalog and members, and everything that a command can show."""
    with running(folder) as platform:
        socket = platform.json("status")["socket"]
        with Client(Target(name="local", socket=socket), timeout=SECONDS) as client:
            made = Filled(platform, client)
            fill(made, examples)
            yield made


def fill(to: Filled, examples: Path) -> None:
    """Catalog and members from the shipped files, then one of each thing by its operation."""
    slice_of_examples(examples, to.platform.folder / "examples")
    to.platform.json("catalog", "apply", str(to.platform.folder / "examples" / "catalog.yaml"))
    to.platform.json("refunds", "policy", "apply", str(to.platform.folder / "examples" / "refund-policy.yaml"))
    to.platform.json("users", "import", str(to.platform.folder / "examples" / "members.csv"))
    ada = to.write(users.CREATE, CreateUser(email=ADA, name="Ada Lovelace", timezone="Europe/London"))
    note = to.write(users.NOTE, CreateNote(text="Prefers e-mail."), user=ADA)
    trial = CreateSubscription(user=ADA, price="day-trading-room-monthly", card="visa")
    to.write(subscriptions.CREATE, trial)
    paid = to.write(subscriptions.CREATE, CreateSubscription(user=ADA, price=PRICE, card="visa"))
    to.stock(40)
    what = "the subscription is paid"
    eventually(what, lambda: to.client.read(subscriptions.SHOW, subscription=paid.id).payment_state == "succeeded")
    refund = to.write(refunds.ISSUE, IssueRefund(reason="duplicate", amount=1000), payment=paid.payment_id)
    to.look_at_the_catalog()
    to.write(cache.WARM, cache.Warm())
    to.platform.json("users", "note", ADA, "Called about the renewal date.")
    entitlement = eventually("there is an entitlement", lambda: to.platform.json("entitlements", "list", "--user", ADA))
    audit = to.platform.json("audit", "list", "--limit", "1")
    event = to.platform.json("events", "list", "--limit", "1")
    to.ids = {
        "usr": ada.id, "note": note.id, "sub": paid.id, "pay": paid.payment_id, "pm": paid.payment_method_id,
        "rfd": refund.id, "job": to.dead_job(), "plan": to.plan(), "tok": to.token().id, "ent": entitlement[0]["id"],
        "aud": audit[0]["id"], "evt": event[0]["id"],
        "whr": to.webhook(),
        "we": (endpoint := filled_webhooks.endpoint(to)), "whd": filled_webhooks.delivery(to, endpoint),
        "stf": to.write(staff.CREATE, CreateStaff(email=to.e_mail(), name="Grace", role="viewer")).id,
        "op": to.platform.json("history")[0]["id"], "dsp": filled_disputes.dispute(to), "rec": filled_disputes.run(to),
        "ras": filled_disputes.aside(to),
        "run": to.write(chaos.RECORD, RecordRun(name="valkey-gone", verdict="held")).id,
        "prod": to.client.read(products.SHOW, product="day-trading-room").id,
        "price": to.client.read(products.SHOW_PRICE, price=PRICE).id,
    }  # fmt: skip


def slice_of_examples(examples: Path, to: Path, rows: int = 30) -> None:
    """The shipped examples, with the first whole members only, so that an import of them refuses nothing."""
    shutil.copytree(examples, to)
    with (examples / "members.csv").open(encoding="utf-8", newline="") as file:
        heading, *lines = csv.reader(file)
    whole = [line for line in lines if len(line) == 3 and _importable(*line)][:rows]
    with (to / "members.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *whole])
    subscribers = [[line[0], "alerts-only-monthly", "visa"] for line in whole[:10]]
    with (to / "subscriptions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["email", "price", "card"], *subscribers])


def _importable(email: str, name: str, zone: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9.]+@example\.com", email)) and 0 < len(name) <= 200 and "/" in zone


def tables(to: Filled) -> dict[str, int]:
    """The number of rows of every table of the platform's own schema, by name."""
    query = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname"
    with to.database() as connection:
        names = [str(row[0]) for row in connection.execute(query)]
        counts = {}
        for name in names:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
            counts[name] = int((row.fetchone() or (0,))[0])
    return counts
