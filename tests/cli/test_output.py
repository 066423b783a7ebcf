"""What is printed: six formats, exact for machines, harmless and narrow for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import yaml

from rtp_commands import cells, formats, table
from rtp_commands.errors import NoIds
from rtp_commands.words import safe, safe_json, width
from tests.cli.conftest import Answer

HOSTILE = "Eve\x1b[2J\x9b31m\u202eevil\nnext\x00\u2066"
ROWS = [
    {"id": "usr_38G54Q4EBXYTQ", "name": "Ada", "paid": {"amount": 123456, "currency": "USD"}, "tags": ["a", "b"]},
    {"id": "usr_38G54Q4EBXYTR", "name": "Zoë 李", "paid": {"amount": -5, "currency": "JPY"}, "tags": []},
]


def read_csv(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("items", [[], ROWS[:1], ROWS])
def test_json_and_yaml_of_a_list_are_the_array_itself(items: list[Any]) -> None:
    assert json.loads("".join(formats.json_many(items))) == items
    assert yaml.safe_load("".join(formats.yaml_many(items))) == items


def test_ndjson_is_one_resource_per_line() -> None:
    lines = "".join(formats.ndjson(ROWS)).splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_a_list_is_written_item_by_item_as_it_comes() -> None:
    seen = []

    def items() -> Any:
        for row in ROWS:
            seen.append(row["id"])
            yield row

    for writer in (
        formats.json_many,
        formats.ndjson,
        formats.yaml_many,
        formats.ids,
        lambda it: formats.csv_many(it, None),
    ):
        seen.clear()
        next(iter(writer(items())))
        assert len(seen) == 1


def test_csv_gives_money_two_columns_in_minor_units() -> None:
    heading, first, second = read_csv("".join(formats.csv_many(ROWS, None)))
    assert heading == ["id", "name", "paid.amount", "paid.currency", "tags"]
    assert first == ["usr_38G54Q4EBXYTQ", "Ada", "123456", "USD", '["a","b"]']
    assert second[2] == "-5"


@pytest.mark.parametrize("text", ["-42", "+1", "-3.14", "1,5", "plain", "a=b", "", "'quoted"])
def test_a_number_or_plain_text_stays_itself_in_csv(text: str) -> None:
    assert cells.spreadsheet(text) == text


@pytest.mark.parametrize(
    "text", ["-2+3+cmd|' /C calc'!A0", "=1+1", "+SUM(A1)", "@x", "\tx", "\rx", "\x00x", "＝1", "-"]
)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe_in_csv(text: str) -> None:
    assert cells.spreadsheet(text).startswith("'")


def test_ids_of_things_without_one_are_refused_with_the_fields_they_have() -> None:
    with pytest.raises(NoIds, match="amount, currency"):
        list(formats.ids([{"amount": 1, "currency": "USD"}]))


def test_hostile_text_does_nothing_in_a_terminal_and_survives_in_json() -> None:
    shown = safe(HOSTILE)
    assert shown == "Eve\\x1b[2J\\x9b31m\\u202eevil\\nnext\\x00\\u2066"
    text = formats.json_one({"name": HOSTILE})
    assert not set(text) & set("\x1b\x9b\u202e\u2066\x00")
    assert json.loads(text) == {"name": HOSTILE}
    document = formats.yaml_one({"name": HOSTILE})
    assert not set(document) & set("\x1b\x9b\u202e\u2066\x00")
    assert yaml.safe_load(document) == {"name": HOSTILE}
    assert safe_json('"\x7f"') == '"\\u007f"'


@pytest.mark.parametrize(
    "amount, currency, shown",
    [
        (123456, "USD", "1,234.56 USD"),
        (-5, "USD", "-0.05 USD"),
        (5, "JPY", "5 JPY"),
        (1, "BHD", "0.001 BHD"),
        (0, "EUR", "0.00 EUR"),
    ],
)
def test_money_is_shown_in_major_units_of_its_currency(amount: int, currency: str, shown: str) -> None:
    assert cells.money({"amount": amount, "currency": currency}) == shown


def test_money_stands_right_under_its_heading() -> None:
    lines = table.plain(table.table(["name", "paid"], ROWS, columns_wide=80, terminal=False)).splitlines()
    assert lines[1].endswith("1,234.56 USD")
    assert len({width(line) for line in lines}) == 1


def test_a_list_of_money_in_a_card_is_money_and_not_a_table_of_minor_units() -> None:
    totals = [{"amount": 6435, "currency": "USD"}, {"amount": 500, "currency": "JPY"}]
    shown = table.plain(table.card({"id": "bulk_1", "totals": totals}, columns_wide=80, terminal=False))
    assert shown == "id      bulk_1\ntotals  64.35 USD, 500 JPY\n"


def test_a_terminal_shows_ids_whole_where_they_fit_for_they_are_copied_into_the_next_command() -> None:
    rows = [{"id": "rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "state": "failed", "reason": "goodwill"}]
    wide = table.plain(table.table(list(rows[0]), rows, columns_wide=60, terminal=True))
    narrow = table.plain(table.table(list(rows[0]), rows, columns_wide=49, terminal=True))
    assert "rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F" in wide
    assert "rfd_01J9ZK…8D9E0F" in narrow


def test_two_columns_of_prose_go_on_below_themselves_before_every_row_becomes_a_card() -> None:
    detail, fix = (
        "no rule of money was looked at since the day before yesterday",
        "rtp doctor money and then rtp ledger check",
    )
    rows = [{"name": "money", "detail": detail, "fix": fix}, {"name": "cache", "detail": "it answers", "fix": ""}]
    lines = table.plain(table.table(list(rows[0]), rows, columns_wide=80, terminal=False)).splitlines()
    assert lines[0].split() == ["name", "detail", "fix"]
    assert max(map(len, lines)) <= 80
    begins = lines[0].index("fix")
    assert " ".join(" ".join(line[7:begins] for line in lines[1:-1]).split()) == detail
    assert " ".join(" ".join(line[begins:] for line in lines[1:-1]).split()) == fix


def test_a_row_that_does_not_fit_is_a_card_and_the_others_stay_a_table() -> None:
    rows = [{"id": f"id{number}", "email": "a@b.example"} for number in range(9)] + [{"id": "long", "email": "x" * 100}]
    lines = table.plain(table.table(["id", "email"], rows, columns_wide=40, terminal=False)).splitlines()
    assert lines[1] == "id0   a@b.example"
    assert "id     long" in lines
    assert max(width(line) for line in lines) <= 40
    assert "x" * 100 in "".join(line.split()[-1] for line in lines if line.endswith("x"))


def test_prose_goes_on_below_itself_within_its_column() -> None:
    rows = [{"id": "1", "text": "one two three four five six seven eight nine ten"}]
    lines = table.plain(table.table(["id", "text"], rows, columns_wide=30, terminal=False)).splitlines()
    assert len(lines) == 3
    assert " ".join(" ".join(lines[1:]).split()) == "1 one two three four five six seven eight nine ten"


def test_a_word_that_is_too_long_is_broken_after_a_hyphen_where_it_has_one() -> None:
    rows = [{"id": "1", "text": "explosive-swings-monthly, period 1"}]
    lines = table.plain(table.table(["id", "text"], rows, columns_wide=22, terminal=False)).splitlines()
    assert [line[4:].strip() for line in lines[1:]] == ["explosive-swings-", "monthly, period 1"]


@pytest.mark.parametrize("wide", [20, 40, 80, 100])
def test_no_line_is_wider_than_the_terminal(wide: int) -> None:
    rows = [{"id": "pay_01M82JBJ04FCP9T6B4JW1RNYHP", "name": "李" * 30, "note": "word " * 40, "n": 5}]
    for lines in (
        table.table(list(rows[0]), rows, columns_wide=wide, terminal=False),
        table.card(rows[0] | {"notes": rows}, columns_wide=wide, terminal=False),
    ):
        assert max(width(line) for line in table.plain(lines).splitlines()) <= wide


def test_only_a_terminal_shortens_ids_and_shows_ages() -> None:
    long_id, instant = "pay_01M82JBJ04FCP9T6B4JW1RNYHP", "2026-11-01T12:00:00Z"
    assert cells.cell("id", long_id, terminal=False).text == long_id
    assert cells.cell("id", long_id, terminal=True).text == "pay_01M82J…1RNYHP"
    assert cells.cell("at", instant, terminal=False).text == "2026-11-01 12:00"
    now = datetime.fromisoformat("2026-11-01T15:30:00Z")
    assert cells.cell("at", instant, terminal=True, now=now).text == "3 h ago"
    assert cells.cell("state", "failed", terminal=True).text == "✗ failed"
    assert cells.cell("state", "failed", terminal=False).text == "failed"


def test_the_same_list_comes_in_six_formats_and_never_wider_than_80_off_a_terminal(there: Any, peer: Any) -> None:
    page = {"items": [user(name) for name in ("Ada", "=cmd()", "Zoë 李")], "next": "CURSOR"}
    peer.answer("GET", "/v1/users", page)
    readers: dict[str, Callable[[str], Any]] = {
        "json": json.loads,
        "yaml": yaml.safe_load,
        "ndjson": lambda text: [json.loads(line) for line in text.splitlines()],
    }
    for format, reader in readers.items():
        done = there("users", "list", "-o", format)
        assert [row["name"] for row in reader(done.stdout)] == ["Ada", "=cmd()", "Zoë 李"]
    assert there("users", "list", "-o", "ids").stdout.splitlines() == ["usr_38G54Q4EBXYTQ"] * 3
    assert read_csv(there("users", "list", "-o", "csv", "--fields", "name").stdout) == [
        ["name"],
        ["Ada"],
        ["'=cmd()"],
        ["Zoë 李"],
    ]
    shown = there("users", "list")
    assert max(width(line) for line in shown.stdout.splitlines()) <= 80
    assert "\x1b" not in shown.stdout + shown.stderr
    assert "3 shown; more: rtp users list --cursor CURSOR" in shown.stderr


def test_all_asks_for_page_after_page(there: Any, peer: Any, made: Any) -> None:
    pages = {None: ("Ada", "two"), "two": ("Grace", "three"), "three": ("Mary", None)}

    def answer(asked: Any) -> Any:
        name, following = pages[asked.query.get("cursor")]
        return made(200, body={"items": [user(name)], "next": following})

    peer.answers["GET", "/v1/users"] = answer
    assert [row["name"] for row in there.json("users", "list", "--all", "--limit", "1")] == ["Ada", "Grace", "Mary"]


def test_an_unknown_field_is_refused_before_anything_is_sent(there: Any, peer: Any) -> None:
    done = there("users", "list", "--fields", "emial")
    assert (done.returncode, done.stdout, peer.asked) == (2, "", [])
    assert "id, email, name, status" in done.stderr


def test_fields_choose_and_order_what_is_printed(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users/ada@example.com", user("Ada") | {"notes": []})
    assert list(there.json("users", "show", "ada@example.com", "--fields", "status,email").items()) == [
        ("status", "active"),
        ("email", "ada@example.com"),
    ]


def test_quiet_keeps_back_everything_but_errors(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users", {"items": [], "next": None})
    assert there("users", "list", "-q").stderr == ""
    assert there("users", "show", "usr_38G54Q4EBXYTQ", "-q").stderr.startswith("Error: ")


def test_verbose_shows_each_request(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users", {"items": [], "next": None})
    assert "GET /v1/users → 200" in there("users", "list", "-v").stderr


def user(name: str) -> dict[str, Any]:
    made = {"id": "usr_38G54Q4EBXYTQ", "email": "ada@example.com", "name": name, "status": "active", "timezone": "UTC"}
    return made | {"version": 1, "created_at": "2026-11-01T12:00:00Z", "updated_at": "2026-11-01T12:00:00Z"}


def test_text_that_is_no_json_is_printed_line_by_line(there: Any, peer: Any) -> None:
    text = b"# HELP a b\n# TYPE a counter\na 1.0\x1b[2J\n"
    peer.answers["GET", "/metrics"] = Answer(200, text, media="text/plain")
    assert there("api", "GET", "/metrics").stdout == "# HELP a b\n# TYPE a counter\na 1.0\\x1b[2J\n"
    assert there.json("api", "GET", "/metrics") == "# HELP a b\n# TYPE a counter\na 1.0\x1b[2J\n"
