"""Stored answers: one effect per key, also where two requests with it meet between the look and the lock."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from rtp.db import answers
from rtp.testing.plugin import OpenFrame


async def test_a_second_effect_under_a_key_is_rolled_back_and_told_to_come_again(writing: OpenFrame) -> None:
    async with writing() as frame:
        assert await answers.find(frame, "k", "print") is None
        frame.answer("k", "print", 201, b'{"id": 1}')
    with pytest.raises(answers.IdempotencyInProgress), answers.first_of_its_key("k"):
        async with writing() as frame:  # as if its look had come a moment too early
            await frame.once("effect of the second")
            frame.answer("k", "print", 201, b'{"id": 2}')
    async with writing() as frame:
        found = await answers.find(frame, "k", "print")
        effects = list(await frame.all(text("SELECT key FROM effects")))
    assert found == answers.StoredAnswer(201, b'{"id": 1}')
    assert effects == []


async def test_an_answer_of_any_bytes_comes_back_as_it_was(writing: OpenFrame) -> None:
    body = bytes(range(256))
    async with writing() as frame:
        frame.answer("k", "print", 200, body)
    async with writing() as frame:
        assert await answers.find(frame, "k", "print") == answers.StoredAnswer(200, body)


async def test_a_key_in_use_by_another_transaction_is_told_at_once(writing: OpenFrame) -> None:
    async with writing() as first:
        await answers.find(first, "k", "print")
        with pytest.raises(answers.IdempotencyInProgress):
            async with writing() as second:
                await answers.find(second, "k", "print")


async def test_a_key_of_another_request_is_refused(writing: OpenFrame) -> None:
    async with writing() as frame:
        frame.answer("k", "print", 200, b"{}")
    with pytest.raises(answers.IdempotencyKeyReused):
        async with writing() as frame:
            await answers.find(frame, "k", "another print")
