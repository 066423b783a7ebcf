"""The session of docs/getting-started/first-steps.md, on a real instance."""

from __future__ import annotations

from rtp.testing.instance import RunningInstance


def test_a_member_is_created_and_found_again_by_its_e_mail(instance: RunningInstance) -> None:
    made = instance.json(
        "users", "create", "grace@example.com", "--name", "Grace Hopper", "--timezone", "America/New_York"
    )
    assert made["status"] == "active"
    assert instance.json("users", "show", "grace@example.com")["id"] == made["id"]


def test_a_plan_changes_nothing_until_it_is_carried_out(instance: RunningInstance) -> None:
    instance.json("users", "create", "plan@example.com", "--name", "Planned")
    plan = instance.json("users", "suspend", "plan@example.com", "--reason", "chargeback", "--dry-run")
    assert instance.json("users", "show", "plan@example.com")["status"] == "active"
    instance.json("users", "suspend", "--plan", plan["id"])
    assert instance.json("users", "show", "plan@example.com")["status"] == "suspended"
    used = instance("users", "suspend", "--plan", plan["id"])
    assert used.returncode == 6


def test_an_unknown_member_ends_with_5_and_says_what_to_do(instance: RunningInstance) -> None:
    asked = instance("users", "show", "nobody@example.com")
    assert asked.returncode == 5
    assert asked.stdout == ""
    assert "rtp users list" in asked.stderr


def test_status_says_that_everything_is_up(instance: RunningInstance) -> None:
    status = instance.json("status")
    assert {"postgres", "valkey", "api"} <= {service["name"] for service in status["services"]}
    assert status["url"] == instance.url
