"""The commands of catalog, products, prices and cache, on a running platform."""

from __future__ import annotations

from pathlib import Path

from rtp.testing.instance import RunningInstance

SHIPPED = Path(__file__).parents[2] / "examples" / "catalog.yaml"


def test_a_catalog_is_planned_applied_once_changed_and_read_through_a_warm_cache(
    instance: RunningInstance, tmp_path: Path
) -> None:
    """Under keys of its own: other tests sell on the same platform."""
    file = tmp_path / "catalog.yaml"
    file.write_text(SHIPPED.read_text().replace("key: ", "key: own-"))
    planned = instance("catalog", "plan", str(file))
    assert planned.stdout.splitlines()[-1] == "26 to create, 0 to change, 0 to archive, 0 unchanged"
    assert instance("products", "show", "own-alerts-only").returncode == 5

    dry = instance.json("catalog", "apply", str(file), "--dry-run")
    applied = instance("catalog", "apply", "--plan", dry["id"])
    assert applied.returncode == 0, applied.stderr
    again = instance("catalog", "apply", str(file))
    assert again.stdout == "0 to create, 0 to change, 0 to archive, 26 unchanged\n"

    assert len(instance.json("prices", "list", "--search", "own-", "--all")) == 19
    assert len(instance.json("prices", "list", "--product", "own-day-trading-room")) == 3
    price = instance.json("prices", "show", "own-day-trading-room-monthly")
    assert price["amount"] == {"amount": 19700, "currency": "USD"}

    warmed = instance.json("cache", "warm", "--all")
    assert warmed["done"] >= 26
    assert warmed["left"] == 0
    before = _hits(instance)
    instance.json("prices", "show", "own-day-trading-room-quarterly")
    assert _hits(instance) > before

    file.write_text(file.read_text().replace('amount: "529.00"', 'amount: "549.00"'))
    assert "2 to change" in instance("catalog", "apply", str(file)).stdout
    while instance.json("prices", "show", "own-day-trading-room-quarterly")["amount"]["amount"] != 54900:
        pass
    kept = instance.json("prices", "list", "--search", "own-day-trading-room-quarterly", "--status", "archived")
    assert [one["amount"]["amount"] for one in kept] == [52900]

    pruned = instance.json("catalog", "plan", "-", "--prune", text="products: []\n")
    assert len([one for one in pruned["changes"] if one["key"].startswith("own-")]) == 26


def test_wrong_use_exits_2_and_what_is_not_there_exits_5(instance: RunningInstance, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("products:\n  - {key: a, name: A, kind: room, price: 5}\n")
    for code, words in (
        (2, ("catalog", "plan", str(tmp_path / "bad.yaml"))),
        (2, ("catalog", "apply", str(tmp_path / "none.yaml"))),
        (2, ("cache", "warm")),
        (2, ("cache", "warm", "--all", "--class", "hot")),
        (2, ("prices", "show", "prod_01M82K8CZDEEY9WTZ841F9E651")),
        (5, ("prices", "show", "nothing-monthly")),
        (5, ("products", "show", "nothing")),
        (5, ("cache", "show", "nothing")),
        (5, ("cache", "purge", "nothing")),
    ):
        done = instance(*words)
        assert (done.returncode, done.stdout) == (code, ""), f"{words}: {done.stderr}"
        assert done.stderr


def _hits(instance: RunningInstance) -> int:
    return sum(one["hits"] for one in instance.json("cache", "stats")["classes"])
