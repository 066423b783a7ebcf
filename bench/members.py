"""Members made up for benchmarks, and the same rows as a CSV file and as COPY's text."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rtp.kit.ids import IdSource

FIRST = (
    "Ada Zoë José Søren Łukasz Ngọc Müge Anaïs Øyvind Chloé Iñigo Renée Jürgen Grace Alan Edsger Barbara Donald Radia"
).split()
LAST = (
    "Lovelace García Nguyễn Öztürk Kowalski O'Neill D'Angelo McDonald Dvořák Hopper Turing Dijkstra Liskov Knuth"
).split()
ZONES = (
    "America/New_York America/Chicago Europe/London Europe/Berlin Asia/Tokyo Asia/Kolkata Pacific/Auckland UTC"
).split()
AT = "2026-03-02 14:30:00+00"
COLUMNS = "id, email, name, status, timezone, version, created_at, updated_at"
"""The columns of `copied`, in its order."""


@dataclass(frozen=True)
class Member:
    """One member as a file for an import has them."""

    email: str
    name: str
    timezone: str


def made(count: int, batch: int) -> list[Member]:
    """Members that no other batch has."""
    source = random.Random(batch)
    return [_member(source, f"{batch}.{number}") for number in range(count)]


def _member(source: random.Random, mark: str) -> Member:
    first, last = source.choice(FIRST), source.choice(LAST)
    plain = f"{first}.{last}".encode("ascii", "ignore").decode().lower().replace("'", "")
    word = "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=5))
    return Member(f"{plain}.{mark}@{word}.example.com", f"{first} {word.title()} {last}", source.choice(ZONES))


def written(members: Iterable[Member], path: Path) -> Path:
    """The CSV file that `rtp users import` takes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("email", "name", "timezone"))
        writer.writerows((member.email, member.name, member.timezone) for member in members)
    return path


def copied(members: Iterable[Member]) -> bytes:
    """The rows of the table as COPY reads them, ids included, so that nothing is left to compute while it runs."""
    return "".join(_lines(members)).encode()


def _lines(members: Iterable[Member]) -> Iterator[str]:
    ids = IdSource()
    for member in members:
        yield f"{ids.user_id()}\t{member.email}\t{member.name}\tactive\t{member.timezone}\t1\t{AT}\t{AT}\n"
