"""How many refunds one API process accepts durably, against pgbench's TPC-B on the same PostgreSQL in the same run."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench import platform
from bench.frame import Case, Measured, NotMeasured
from rtp.runtime.instance import Instance
from rtp.runtime.site import open_site
from rtp.settings import Settings, load
from rtp.testing.instance import RunningInstance

CONNECTIONS = 16
SCALE = 10
PAYMENTS = """
WITH members AS (
    INSERT INTO users (id, email, name, status, timezone, version, created_at, updated_at)
    SELECT n, 'r' || n || '@example.com', 'R', 'active', 'UTC', 1, now(), now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n RETURNING id
), methods AS (
    INSERT INTO payment_methods (id, user_id, provider, card, provider_ref, state, created_at)
    SELECT gen_random_uuid(), id, 'sandbox', 'visa', 'card_visa', 'active', now() FROM members RETURNING id, user_id
), paid AS (
    INSERT INTO payments (id, user_id, method_id, amount, currency, captured, state, purpose, source, provider,
                          provider_ref, created_at, settled_at)
    SELECT gen_random_uuid(), user_id, id, 10000, 'USD', 10000, 'succeeded', 'bench', 'bench', 'sandbox',
           'ch_' || user_id, now(), now()
    FROM methods RETURNING id, user_id
)
INSERT INTO payment_lines (id, user_id, payment_id, position, description, quantity, net, tax)
SELECT gen_random_uuid(), user_id, id, 1, 'bench', 1, 10000, 0 FROM paid RETURNING payment_id
"""
FSYNCS = "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'"


def issue(quick: bool) -> Measured:
    """Refunds accepted per second to TPC-B transactions per second, by turns.

    The worker and the provider are held meanwhile: what is measured is the API and its database. They go on before the
    scratch database is dropped, which waits for every backend, also for one that cannot reach its held client.
    """
    instance = platform.shared()
    amount, pairs = (2.0, 3) if quick else (6.0, 7)
    socket = platform.status(instance)["socket"]
    with platform.database(instance) as connection, scratch(instance) as database, held(instance, "worker", "provider"):
        ratios, issued, fsyncs = [], 0, 0
        at_once = int(400 * amount)
        payments = iter(made(connection, 5 + at_once * (pairs + 1)))
        counted_first = asyncio.run(statements(instance, list(itertools.islice(payments, 5))))
        print(f"  {counted_first} statements per refund", flush=True)
        for turn in range(pairs + 1):
            some = list(itertools.islice(payments, at_once))
            before = synced(connection)
            count, seconds = asyncio.run(refund(socket, some, amount))
            if turn:
                fsyncs, issued = fsyncs + synced(connection) - before, issued + count
                ratios.append(count / seconds / tpc_b(database, amount))
                rate = f"{count / seconds:.0f} refunds a second, {count / seconds / ratios[-1]:.0f} TPC-B transactions"
                print(f"  {rate}", flush=True)
            else:
                tpc_b(database, amount)
        print(f"  {fsyncs / issued:.2f} fsyncs of the log per refund", flush=True)
    return Measured(ratios)


def made(connection: psycopg.Connection, count: int) -> list[str]:
    """Captured payments, each of a member of its own; their ids. The tables are analyzed, as pgbench does its own."""
    from rtp.kit import ids

    first = 10**9
    rows = connection.execute(PAYMENTS, {"first": first, "last": first + count - 1}).fetchall()
    connection.execute("VACUUM ANALYZE users, payment_methods, payments, payment_lines")
    return [ids.show("pay", row[0]) for row in rows]


async def refund(socket: str, payments: list[str], amount: float) -> tuple[int, float]:
    """Issue refunds over all connections until the time is up; how many were accepted, in how many seconds."""
    begun = time.perf_counter()
    left = iter(payments)
    counts = await asyncio.gather(*(_refund(socket, left, begun + amount) for _ in range(CONNECTIONS)))
    return sum(counts), time.perf_counter() - begun


async def _refund(socket: str, payments: Iterator[str], until: float) -> int:
    reader, writer = await asyncio.open_unix_connection(socket)
    body = b'{"reason":"duplicate","amount":2500}'
    count = 0
    for payment in itertools.takewhile(lambda _: time.perf_counter() < until, payments):
        head = (
            f"POST /v1/payments/{payment}/refunds HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"idempotency-key: {uuid.uuid4()}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        said = await reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 201"):
            raise NotMeasured(said.decode("utf-8", "replace"))
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


async def statements(instance: RunningInstance, payments: list[str]) -> int:
    """How many statements the API sends for one refund beside BEGIN and COMMIT, counted in an application of ours."""
    from rtp.testing import asgi
    from rtp_server.app import create_app

    counts = []
    environment = open_site(Instance(at := Settings(home=str(instance.home))), at).environment()
    app: Any = create_app(load(environment | {"RTP_LOG_LEVEL": "error"}))
    async with asgi.started(app), asgi.client(app, socket=True) as client:
        for payment in payments:  # the fewest count: the application's own upkeep comes in between
            with counted() as sent:
                answer = await client.post(
                    f"/v1/payments/{payment}/refunds",
                    json={"reason": "duplicate", "amount": 2500},
                    headers={"idempotency-key": str(uuid.uuid4())},
                )
            if answer.status_code != 201:
                raise NotMeasured(answer.text)
            counts.append(len(sent))
    return min(counts)


@contextmanager
def counted() -> Iterator[list[Any]]:
    """What this process sends to PostgreSQL through the driver meanwhile, whoever wrote it."""
    sent: list[Any] = []
    execute = psycopg.AsyncCursor.execute

    async def noting(self: Any, query: Any, *values: Any, **how: Any) -> Any:
        sent.append(query)
        return await execute(self, query, *values, **how)

    psycopg.AsyncCursor.execute = noting  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        psycopg.AsyncCursor.execute = execute  # type: ignore[method-assign]


def synced(connection: psycopg.Connection) -> int:
    """How often the server has forced its log to disk."""
    row = connection.execute(FSYNCS).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def held(instance: RunningInstance, *services: str) -> Iterator[None]:
    """Processes of the instance, paused for a while."""
    names = {row["name"] for row in platform.status(instance)["services"]}
    pids = [platform.pid(instance, service) for service in services if service in names]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def scratch(instance: RunningInstance) -> Iterator[str]:
    """A database of its own with pgbench's tables, on the instance's server; its conninfo."""
    with platform.database(instance) as connection:
        info: dict[str, Any] = conninfo_to_dict(connection.info.dsn)
        connection.execute("DROP DATABASE IF EXISTS rtp_bench WITH (FORCE)")
        connection.execute("CREATE DATABASE rtp_bench")
        database = make_conninfo(**info | {"dbname": "rtp_bench", "password": connection.info.password})
        try:
            _pgbench(database, "-i", "-q", "-s", str(SCALE))
            yield database
        finally:
            connection.execute("DROP DATABASE rtp_bench WITH (FORCE)")


def tpc_b(database: str, amount: float) -> float:
    """Transactions per second of pgbench's built-in TPC-B, prepared, over as many connections as the refunds use."""
    said = _pgbench(
        database, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T", str(max(1, round(amount)))
    )
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise NotMeasured(f"pgbench said no rate: {said}")
    return float(found[1])


def _pgbench(database: str, *words: str) -> str:
    from rtp.runtime.pg_binaries import programs

    program = programs(os.environ.get("RTP_PG_BIN", "")).bin / "pgbench"
    done = subprocess.run([program, *words, database], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotMeasured(f"pgbench ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


CASES = [Case("refunds-issued", "TPC-B of pgbench on the same server", 0.10, "higher", issue)]
