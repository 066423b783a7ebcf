"""The preview as people read it: everything on a page of 80 columns, the same facts as in JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from rtp.kit.money import Money
from rtp.refunds.schemas import Finding, PreviewPart, RefundPreview, RefundReview
from rtp_commands.receipt import refund, review
from rtp_commands.table import plain
from rtp_commands.words import width


def usd(amount: int) -> Money:
    return Money(amount, "USD")


PREVIEW = RefundPreview(
    payment_id="pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F",
    user_id="usr_38G54Q4EBXYTQ",
    email="ada@example.com",
    purpose="day-trading-room-monthly, period 3",
    actor="sam@example.com",
    card_brand="visa",
    card_last_four="4242",
    captured=usd(125_000),
    refunded=usd(37_500),
    refundable=usd(87_500),
    amount=usd(62_500),
    net=usd(50_000),
    tax=usd(12_500),
    left=usd(25_000),
    lines=[
        PreviewPart(
            position=1, description="day-trading-room-monthly, period 3", quantity=0, net=usd(40_000), tax=usd(10_000),
            left=usd(0),
        ),
        PreviewPart(position=2, description="Workbook", quantity=2, net=usd(10_000), tax=usd(2_500), left=usd(25_000)),
    ],
    allowed=True,
    refusal="",
    approval="another person, operator or above, within 3 days",
    policy_version=4,
    findings=[
        Finding(rule="payment", state="ok", detail="250.00 USD left of it after this"),
        Finding(rule="window", state="ok", detail="day-trading-room: 12 days old, of 60"),
        Finding(rule="approval", state="approval", detail="above 200.00 USD: another person must approve"),
    ],
    subscription="day-trading-room stays active and is charged again on 2026-12-22 "
    "(--cancel-subscription now|period-end)",
    access="stays as it is (--revoke-access)",
)  # fmt: skip
PAGE = """\
Payment   pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F, day-trading-room-monthly, period 3
Member    ada@example.com (usr_38G54Q4EBXYTQ)
Back to   visa ending 4242, which paid it, and nowhere else
Asked by  sam@example.com, on staging

In USD                                net          tax       refund         left
1  day-trading-room-monthl…        400.00       100.00       500.00         0.00
2  Workbook (2 pieces)             100.00        25.00       125.00       250.00
--------------------------------------------------------------------------------
Refund                             500.00       125.00       625.00
Captured                                                   1,250.00
Refunded so far                                              375.00
Left after it                                                250.00

Policy      version 4
  payment   ok: 250.00 USD left of it after this
  window    ok: day-trading-room: 12 days old, of 60
  approval  waits: above 200.00 USD: another person must approve

Subscription  day-trading-room stays active and is charged again on 2026-12-22
              (--cancel-subscription now|period-end)
Access        stays as it is (--revoke-access)
Approval      another person, operator or above, within 3 days
Final         A refund that succeeded cannot be undone.
"""


SHOWN: dict[str, Any] = msgspec.structs.asdict(PREVIEW) | {
    "refund": "rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F",
    "state": "waiting",
    "reason": "requested_by_customer",
    "note": "Was away all summer.",
    "ticket": "SUP-7",
    "issued_by": "sam@example.com",
    "issued_at": datetime(2026, 11, 22, 9, 5, tzinfo=UTC),
    "expires_at": datetime(2026, 11, 25, 9, 5, tzinfo=UTC),
    "held_because": "above 200.00 USD",
    "actor": "kim@example.com",
    "approval": "",
    "subscription": "day-trading-room ends now",
    "access": "closes now, with the subscription",
    "findings": [
        Finding(rule="second person", state="ok", detail="kim@example.com did not ask for it"),
        Finding(rule="time", state="ok", detail="until 2026-11-25 09:05 UTC"),
    ],
}
REVIEW = RefundReview(**SHOWN)
HEAD = """\
Refund       rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F, waiting: above 200.00 USD
Payment      pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F, day-trading-room-monthly, period 3
Member       ada@example.com (usr_38G54Q4EBXYTQ)
Back to      visa ending 4242, which paid it, and nowhere else
Issued by    sam@example.com, 2026-11-22 09:05 UTC: requested by customer,
             ticket SUP-7
Note         Was away all summer.
Second look  kim@example.com, on prod
"""
FOOT = """\
Approval         kim@example.com may give it
  second person  ok: kim@example.com did not ask for it
  time           ok: until 2026-11-25 09:05 UTC

Subscription  day-trading-room ends now
Access        closes now, with the subscription
Final         A refund that succeeded cannot be undone.
"""


def test_the_receipt_of_an_approval_says_who_issued_it_why_and_whose_second_look_it_is() -> None:
    page = plain(review(REVIEW, wide=80, environment="prod"))
    head, amounts, *foot = page.split("\n\n")
    assert head + "\n" == HEAD
    assert amounts + "\n" == PAGE.split("\n\n")[1] + "\n", "the lines, the tax and what is left are as in its preview"
    assert "\n\n".join(foot) == FOOT


def test_an_approval_that_would_be_refused_says_so_last() -> None:
    refused = msgspec.structs.replace(REVIEW, allowed=False, refusal="You issued it.")
    page = plain(review(refused, wide=80, environment="prod"))
    assert "Approval         kim@example.com may not give it" in page
    assert page.splitlines()[-1].split() == ["REFUSED", "You", "issued", "it."]


def test_a_warning_stands_below_what_is_final_and_what_is_known_of_why_beside_who_asks() -> None:
    warned = msgspec.structs.replace(PREVIEW, warning="Nobody can approve it.")
    page = plain(refund(warned, wide=80, environment="prod", why="goodwill, ticket SUP-7", note="Once."))
    assert page.splitlines()[-1].split() == ["WARNING", "Nobody", "can", "approve", "it."]
    assert "Asked by  sam@example.com, on prod: goodwill, ticket SUP-7\nNote      Once.\n" in page


def test_the_receipt_says_who_gets_what_back_what_stays_and_what_is_final() -> None:
    assert plain(refund(PREVIEW, wide=80, environment="staging")) == PAGE


def test_a_refusal_stands_last_where_it_is_seen() -> None:
    refused = msgspec.structs.replace(PREVIEW, allowed=False, refusal="It is too much.", policy_version=0, lines=[])
    page = plain(refund(refused, wide=80, environment="dev"))
    assert page.splitlines()[-1].split() == ["REFUSED", "It", "is", "too", "much."]
    assert "none is applied (rtp refunds policy apply FILE)" in page


def test_no_line_is_wider_than_it_may_be_whatever_the_things_are_called() -> None:
    long = msgspec.structs.replace(
        PREVIEW,
        email="a" * 200 + "@example.com",
        purpose="价" * 90,
        lines=[msgspec.structs.replace(PREVIEW.lines[0], description="价格" * 60, net=usd(99_999_999_999))],
    )
    for wide in (80, 100):
        shown = RefundReview(
            **SHOWN | {"email": long.email, "lines": long.lines, "note": "价" * 500, "ticket": "T" * 100}
        )
        for page in (refund(long, wide=wide, environment="dev"), review(shown, wide=wide, environment="dev")):
            assert max(width(line) for line in plain(page).splitlines()) <= wide


def test_every_fact_of_the_receipt_is_in_the_json_too() -> None:
    facts = msgspec.json.encode(PREVIEW).decode()
    for said in (PREVIEW.subscription, PREVIEW.access, PREVIEW.approval, PREVIEW.final, "250.00 USD left of it"):
        assert said in facts
