"""Makes members.csv and subscriptions.csv: a thousand members as a business has them, from a seed.

Unicode names, many time zones, members who signed up twice, broken rows, and cells that a spreadsheet would execute.
The same seed gives the same files: `python make_members.py --seed 7 --folder .`
"""

from __future__ import annotations

import argparse
import csv
import random
import unicodedata
from pathlib import Path

MEMBERS = 1_000
SUBSCRIBERS = 600
FIRST = (
    "Ada Zoë José Søren Łukasz Ngọc Müge Anaïs Øyvind Chloé Þóra Iñigo Renée Jürgen Élodie Siân Håkon Åsa Nuño Ðorđe "
    "Grace Alan Edsger Barbara Donald Radia Ken Frances Niklaus Katherine 明美 伟 서연 Олена Δήμητρα Фёдор أمل נועה आरव"
).split()
LAST = (
    "Lovelace García Nguyễn Öztürk Kowalski O'Neill Björnsdóttir D'Angelo McDonald Dvořák Sánchez-Ruiz van_den_Berg "
    "Hopper Turing Dijkstra Liskov Knuth Perlman Thompson Allen Wirth Johnson 佐藤 王 김 Шевченко Παπαδοπούλου حداد לוי"
).split()
ZONES = (
    "America/New_York America/Chicago America/Los_Angeles America/Sao_Paulo Europe/London Europe/Berlin Europe/Warsaw "
    "Europe/Istanbul Asia/Tokyo Asia/Kolkata Asia/Kathmandu Australia/Lord_Howe Pacific/Auckland Africa/Lagos UTC"
).split()
FORMULAS = ('=HYPERLINK("http://example.com","click")', "+1+2", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)")
NO_TRIAL = (
    "explosive-swings-monthly explosive-swings-quarterly spx-profit-pulse-monthly spx-profit-pulse-annual "
    "high-octane-scanner-monthly alerts-only-monthly"
).split()
TRIAL = (
    "day-trading-room-monthly swing-trading-room-monthly swing-trading-room-annual small-account-mentorship-monthly"
).split()
Row = tuple[str, str, str]


def members(source: random.Random) -> list[Row]:
    """A thousand rows of (e-mail, name, time zone); about one in twenty cannot be taken, one in forty comes twice."""
    rows: list[Row] = []
    for number in range(MEMBERS):
        first, last = source.choice(FIRST), source.choice(LAST).replace("_", " ")
        row = (f"{_ascii(first)}.{_ascii(last)}.{number}@example.com", f"{first} {last}", source.choice(ZONES))
        kind = source.random()
        if kind < 0.05:
            row = _broken(source, row)
        elif kind < 0.075 and rows:
            email, name, zone = source.choice(rows)
            row = (email.upper(), name, zone)
        elif kind < 0.085:
            row = (row[0], source.choice(FORMULAS), row[2])
        rows.append(row)
    return rows


def subscribers(source: random.Random, rows: list[Row]) -> list[Row]:
    """Six hundred rows of (e-mail, price, card) for members who can be taken; half have a trial."""
    taken = sorted({email.lower() for email, name, zone in rows if email and 0 < len(name) <= 200 and zone in ZONES})
    chosen = source.sample([email for email in taken if email.endswith("@example.com")], SUBSCRIBERS)
    return [
        (email, source.choice(TRIAL if place % 2 else NO_TRIAL), "declined" if source.random() < 0.02 else "visa")
        for place, email in enumerate(chosen)
    ]


def _broken(source: random.Random, row: Row) -> Row:
    email, name, zone = row
    return source.choice(
        [
            (email.replace("@", " at "), name, zone),
            (email, "", zone),
            (email, name, "Mars/Olympus_Mons"),
            (email, name * 40, zone),
            ("", name, zone),
        ]
    )


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(character for character in plain if character.isalnum()) or f"m{sum(map(ord, name))}"


def write(path: Path, header: Row, rows: list[Row]) -> None:
    """Write a CSV file in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    source = random.Random(options.seed)
    rows = members(source)
    write(options.folder / "members.csv", ("email", "name", "timezone"), rows)
    write(options.folder / "subscriptions.csv", ("email", "price", "card"), subscribers(source, rows))


if __name__ == "__main__":
    main()
