"""Reading a catalog file: exact, or refused with the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from rtp.kit.money import Money
from rtp.products.schemas import CatalogChange, CatalogDiff
from rtp_commands.catalog_diff import lines
from rtp_commands.catalog_file import read
from rtp_commands.errors import Usage
from rtp_commands.table import plain

SHIPPED = Path(__file__).parents[2] / "examples" / "catalog.yaml"
ISSUE = {
    "day-trading-room": (197, 529, 1727),
    "swing-trading-room": (147, 397, 1297),
    "small-account-mentorship": (97, 262, 857),
    "explosive-swings": (147, 397, 1297),
    "spx-profit-pulse": (197, 529, 1727),
    "high-octane-scanner": (97, 262, 857),
    "alerts-only": (97,),
}
ROOMS = {"day-trading-room", "swing-trading-room", "small-account-mentorship"}


def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def one(**price: Any) -> str:
    """A catalog of one price, as YAML text."""
    fields = {"key": "a-monthly", "interval": "month", "amount": '"1.00"'} | price
    inner = ", ".join(f"{name}: {value}" for name, value in fields.items())
    return f"products:\n  - key: a\n    name: A\n    kind: room\n    prices:\n      - {{{inner}}}\n"


def test_the_shipped_catalog_is_the_business_as_it_is() -> None:
    products = {product.key: product for product in read(SHIPPED).products}
    assert products.keys() == ISSUE.keys()
    for key, amounts in ISSUE.items():
        prices = products[key].prices
        names = [f"{key}-{period}" for period in ("monthly", "quarterly", "annual")]
        assert [price.key for price in prices] == names[: len(amounts)]
        assert [price.interval for price in prices] == ["month", "quarter", "year"][: len(amounts)]
        assert [price.amount for price in prices] == [Money(amount * 100, "USD") for amount in amounts]
        assert {price.trial_days for price in prices} == {7 if key in ROOMS else 0}


@given(integers(min_value=1, max_value=10**12))
def test_an_amount_is_read_to_the_cent(tmp_path_factory: pytest.TempPathFactory, cents: int) -> None:
    path = file(tmp_path_factory.mktemp("c"), one(amount=f'"{cents // 100}.{cents % 100:02}"'))
    assert read(path).products[0].prices[0].amount == Money(cents, "USD")


def test_whole_numbers_and_other_currencies_are_exact(tmp_path: Path) -> None:
    assert read(file(tmp_path, one(amount=197))).products[0].prices[0].amount == Money(19700, "USD")
    yen = read(file(tmp_path, "currency: JPY\n" + one(amount=500)))
    assert yen.products[0].prices[0].amount == Money(500, "JPY")


@pytest.mark.parametrize(
    "text,place,word",
    [
        (one(amount="197.00"), "products[0].prices[0].amount", "write it as text"),
        (one(amount='"1.005"'), "products[0].prices[0].amount", "decimal places"),
        (one(amount='"-1.00"'), "products[0].prices[0].amount", "not an amount"),
        (one(amount='"1e3"'), "products[0].prices[0].amount", "not an amount"),
        (one(amount='"1_000"'), "products[0].prices[0].amount", "not an amount"),
        (one(amount='"NaN"'), "products[0].prices[0].amount", "not an amount"),
        (one(amount="true"), "products[0].prices[0].amount", "got `bool`"),
        (one(currency="XXX"), "products[0].prices[0].amount", "unknown currency 'XXX'"),
        (one(interval="week"), "products[0].prices[0].interval", "week"),
        (one(colour="red"), "products[0].prices[0]", "colour"),
        (one() + "    names: B\n", "products[0]", "names"),
        ("currency: USD\n", "the file", "products"),
        ("products: 5\n", "products", "array"),
        ("products: []\nproducts: []\n", "line 2, column 1", "stands twice"),
        (one() + "    name: B\n", "line 7, column 5", "stands twice"),
        ("products: &all []\nmore: *all\n", "line 2", "aliases"),
        ("products: [\n", "line 2", "expected"),
        ("!!python/object/apply:os.system [ls]\n", "line 1", "constructor"),
        ("a\0b", "the file", "special characters"),
        ("[" * 50_000, "the file", "nested too deeply"),
        ("", "the file", "null"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, place: str, word: str) -> None:
    with pytest.raises(Usage) as refused:
        read(file(tmp_path, text))
    assert place in next(iter(refused.value.fields))
    assert word in refused.value.message
    assert "catalog.yaml" in refused.value.message


def test_a_file_that_is_not_there_not_text_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="No such file"):
        read(tmp_path / "nothing.yaml")
    with pytest.raises(Usage, match="not UTF-8 at byte 1"):
        read(file(tmp_path, b"a\xc3\xa9"[:2] + b": 1"))
    with pytest.raises(Usage, match="larger than"):
        read(file(tmp_path, b"#" * 1_000_001))


def test_a_difference_is_shown_by_sign_with_before_and_after_and_the_count() -> None:
    usd = [{"amount": 19700, "currency": "USD"}, {"amount": 20700, "currency": "USD"}]
    created = {"product": "a", "amount": usd[0], "interval": "month", "interval_count": 1, "trial_days": 7}
    diff = CatalogDiff(
        changes=[
            CatalogChange(
                action="create", noun="product", key="a", fields={"name": [None, "A"], "kind": [None, "room"]}
            ),
            CatalogChange(
                action="create", noun="price", key="a-m", fields={name: [None, one] for name, one in created.items()}
            ),
            CatalogChange(action="replace", noun="price", key="b-m", fields={"amount": usd}),
            CatalogChange(action="archive", noun="price", key="c-m"),
        ],
        unchanged=19,
        kept=[],
    )
    assert plain(lines(diff, wide=80)).splitlines() == [
        "+ product a  A (room)",
        "+ price a-m  197.00 USD per month, 7 trial days",
        "~ price b-m  amount 197.00 USD → 207.00 USD (a new price: members keep theirs)",
        "- price c-m",
        "2 to create, 1 to change, 1 to archive, 19 unchanged",
    ]
    assert max(len(line) for line in plain(lines(diff, wide=40)).splitlines()[:-1]) <= 40
