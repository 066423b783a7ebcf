"""Secrets at rest: opened only by the key and for the owner they were sealed for."""

from __future__ import annotations

import pytest

from rtp.db.premises import Premises
from rtp.kit.sealing import Seal, Unsealable


def test_a_sealed_secret_comes_back_whole_and_is_never_sealed_alike_twice() -> None:
    seal = Seal(b"key")
    first, second = seal.close(b"secret", "me"), seal.close(b"secret", "me")
    assert seal.open(first, "me") == seal.open(second, "me") == b"secret"
    assert first != second
    assert b"secret" not in first


@pytest.mark.parametrize("place", [0, 12, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(Seal(b"key").close(b"secret", "me"))
    sealed[place] ^= 1
    with pytest.raises(Unsealable):
        Seal(b"key").open(bytes(sealed), "me")


def test_neither_another_key_nor_another_owner_opens_it() -> None:
    sealed = Seal(b"key").close(b"secret", "me")
    for seal, owner in [(Seal(b"other"), "me"), (Seal(b"key"), "you")]:
        with pytest.raises(Unsealable):
            seal.open(sealed, owner)


def test_too_few_bytes_are_no_sealed_secret() -> None:
    with pytest.raises(Unsealable):
        Seal(b"key").open(b"short", "me")


def test_premises_without_a_key_seal_nothing_and_never_show_the_one_they_have() -> None:
    with pytest.raises(LookupError):
        _ = Premises().seal
    assert "hidden" not in repr(Premises("dev", b"hidden"))
    assert Premises().environment == "prod"
