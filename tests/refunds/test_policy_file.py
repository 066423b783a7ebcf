"""A refund policy as a file: what is written can be read again, and mistakes are named where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtp.refunds import rules
from rtp.refunds.schemas import DeskLimit, MemberLimit, ProductRule, RefundRules, Threshold
from rtp_commands.errors import Usage
from rtp_commands.refunds_policy_file import read, written

EXAMPLE = Path(__file__).parents[2] / "examples" / "refund-policy.yaml"


def test_the_shipped_policy_is_valid_and_says_what_it_shows() -> None:
    policy = read(EXAMPLE)
    rules.check(policy)
    assert policy.limits[0] == DeskLimit(
        role="support", currency="USD", one=25_000, day=100_000, week=300_000, month=800_000
    )
    assert policy.products[1] == ProductRule(product="high-octane-scanner", refundable=False)
    assert policy.approval == [Threshold(currency="USD", above=20_000)]


def test_what_is_shown_as_a_file_is_the_same_policy_when_it_is_read_again(tmp_path: Path) -> None:
    policy = RefundRules(
        window_days=30,
        products=[ProductRule(product="course", window_days=14), ProductRule(product="scan", refundable=False)],
        limits=[DeskLimit(role="owner", currency="JPY", one=5000), DeskLimit(role="local", currency="USD")],
        members=[MemberLimit(currency="USD", day=123_456)],
        ticket=[Threshold(currency="JPY", above=0), Threshold(currency="USD", above=2550)],
        approval=[Threshold(currency="JPY", above=0)],
        approver="owner",
        approval_days=7,
        hold_after_email_change_days=14,
    )
    for one in (policy, read(EXAMPLE), RefundRules(limits=[])):
        (tmp_path / "policy.yaml").write_text(written(one))
        assert read(tmp_path / "policy.yaml") == one


@pytest.mark.parametrize(
    "text, place",
    [
        ("limits: [{role: support, one: 2.5}]", "limits[0].one"),
        ("limits: [{role: support, one: '2.555'}]", "limits[0].one"),
        ("limits: [{role: support, one: much}]", "limits[0].one"),
        ("limits: [{role: viewer}]", "limits[0].role"),
        ("limits: []\nwindow: 3", "the file"),
        ("window_days: 3", "the file"),
        ("limits: []\napproval: [{currency: USD}]", "approval[0]"),
        ("limits: []\nticket: [{above: some}]", "ticket[0].above"),
        ("limits: []\nticket: required", "ticket"),
    ],
)
def test_a_mistake_is_named_by_its_file_and_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(Usage) as caught:
        read(tmp_path / "policy.yaml")
    assert f"policy.yaml: {place}" in str(caught.value)
