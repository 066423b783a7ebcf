"""Ids: their text and back, and what is said of a text that is none."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.kit import ids
from rtp.kit.ids import IdSource, WrongId
from rtp.refunds.errors import RefundNotFound

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def plainly(number: int, length: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(length - 1, -1, -1))


@given(st.integers(0, 2**63 - 1))
def test_a_users_id_is_thirteen_crockford_characters_and_comes_back(number: int) -> None:
    shown = ids.show_user(number)
    assert shown == f"usr_{plainly(number, 13)}"
    assert ids.parse_user(shown) == ids.parse_user(shown.lower()) == number


@given(st.uuids())
def test_every_other_id_is_twenty_six_characters_and_comes_back(value: UUID) -> None:
    shown = ids.show("sub", value)
    assert shown == f"sub_{plainly(value.int, 26)}"
    assert ids.parse("sub", shown) == ids.parse("sub", f" sub_{shown[4:].lower()} ") == value


def test_letters_that_look_like_digits_are_taken_for_them() -> None:
    assert ids.parse_user("usr_OOOOOOOOOOOIL") == ids.parse_user("usr_0000000000011") == 33


@given(st.text(max_size=40))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(WrongId):
        ids.parse("sub", text)


@pytest.mark.parametrize(
    "text",
    ["0" * 25, "U" * 26, "Z" * 26, "-" + "0" * 25, "0_" + "0" * 24, "٣" * 26],
)
def test_a_text_that_is_nearly_an_id_is_refused(text: str) -> None:
    with pytest.raises(WrongId):
        ids.parse("sub", f"sub_{text}")


def test_an_id_of_something_else_is_named() -> None:
    with pytest.raises(WrongId, match="is an invoice id, and a subscription id"):
        ids.parse("sub", ids.show("inv", UUID(int=5)))


def test_what_is_no_such_id_is_not_there_and_the_cause_says_why() -> None:
    assert ids.parse_or("rfd", ids.show("rfd", UUID(int=5)), RefundNotFound) == UUID(int=5)
    with pytest.raises(RefundNotFound) as caught:
        ids.parse_or("rfd", "rfd_42", RefundNotFound)
    assert caught.value.params == {"key": "rfd_42"}
    assert isinstance(caught.value.__cause__, WrongId)


@given(st.integers(0, 2**63 - 1))
def test_an_id_of_a_users_row_finds_the_users_shard(user_id: int) -> None:
    assert ids.shard(IdSource().uuid(user_id)) == ids.shard(user_id)


def test_user_ids_rise_within_a_process() -> None:
    source = IdSource()
    made = [source.user_id() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_a_seed_and_an_instant_make_the_same_ids_again() -> None:
    first, second = IdSource(7, 1_700_000_000_000), IdSource(7, 1_700_000_000_000)
    assert [first.uuid(5), first.user_id()] == [second.uuid(5), second.user_id()]
