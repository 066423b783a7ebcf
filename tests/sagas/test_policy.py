"""The rules of sagas, walked at random: no pivot is undone, nothing done is left behind, the way back is in reverse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.sagas import policy
from rtp.sagas.errors import IllegalSagaMove
from rtp.sagas.schemas import Direction, SagaStep, StepKind
from rtp.sagas.spec import Definition, Step

KINDS = st.builds(
    lambda before, pivot, after: ["reversible"] * before + (["pivot"] + ["retryable"] * after if pivot else []),
    st.integers(0, 4), st.booleans(), st.integers(0, 3),
).filter(bool)  # fmt: skip
ATTEMPTS = st.lists(st.sampled_from(["done", "refused", "failed", "absent"]), max_size=60)


def step(name: str, kind: StepKind, **values: Any) -> SagaStep:
    known: dict[str, Any] = {
        "state": "pending", "touched": False, "failures": 0, "looks": 0, "error": "", "started_at": None,
        "ended_at": None,
    }  # fmt: skip
    return SagaStep(name=name, kind=kind, **known | values)


def after(one: SagaStep, outcome: str, *, forward: bool) -> tuple[SagaStep, bool]:
    """A step after one attempt, and whether the saga turns back."""
    change = msgspec.structs.replace
    if not forward:
        return (change(one, touched=False) if outcome == "absent" else change(one, state="compensated")), False
    one = change(one, state=policy.moved("saga", one, "run"))
    if outcome == "done":
        return change(one, state=policy.moved("saga", one, "finish"), touched=True), False
    one = change(one, failures=one.failures + 1, touched=one.touched or outcome == "failed")
    if policy.may_fail(one, refused=outcome == "refused", retries=2):
        return change(one, state=policy.moved("saga", one, "fail")), True
    return one, False


@given(KINDS, ATTEMPTS)
def test_no_walk_undoes_a_pivot_or_leaves_a_done_step_behind(kinds: list[StepKind], attempts: list[str]) -> None:
    steps = [step(str(place), kind) for place, kind in enumerate(kinds)]
    direction: Direction = "forward"
    undone: list[int] = []
    for outcome in attempts:
        move = policy.following(direction, steps)
        if move.kind == "end":
            break
        was_past = policy.past_pivot(steps)
        if move.kind == "undo":
            assert steps[move.place].kind == "reversible"
            undone.append(move.place)
        steps[move.place], back = after(steps[move.place], outcome, forward=move.kind == "run")
        if back:
            assert not was_past or kinds[move.place] == "pivot"
            assert not any(one.kind != "reversible" and one.state == "done" for one in steps)
            direction = "back"
    assert undone == sorted(undone, reverse=True)
    if policy.following(direction, steps).kind == "end":
        wanted = {"done"} if direction == "forward" else {"pending", "failed", "compensated"}
        assert {one.state for one in steps} <= wanted


@pytest.mark.parametrize("kind", ["pivot", "retryable"])
def test_what_may_have_happened_past_the_pivot_never_ends_a_step(kind: StepKind) -> None:
    tried = step("pay", kind, state="running", touched=True, failures=1_000)
    assert not policy.may_fail(tried, refused=True, retries=0)
    assert not policy.may_fail(tried, refused=False, retries=0)


def test_an_illegal_move_is_named() -> None:
    with pytest.raises(IllegalSagaMove, match="The step pay of the saga saga_1 is pending, so finish is not possible"):
        policy.moved("saga_1", step("pay", "pivot"), "finish")


async def _act(_: Any) -> None:
    return None


def _step(name: str, kind: StepKind) -> Step:
    return Step(name, kind, _act, compensation=_act if kind == "reversible" else None)


@pytest.mark.parametrize(
    "kinds,why",
    [
        (["pivot", "reversible"], "in this order"),
        (["pivot", "pivot"], "one pivot"),
        (["reversible", "retryable"], "need a pivot"),
        ([], "in this order"),
    ],
)
def test_a_definition_in_another_order_is_refused(kinds: list[StepKind], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Definition("tests", 1, tuple(_step(str(place), kind) for place, kind in enumerate(kinds)))


def test_a_reversible_step_needs_a_way_back_and_no_other_has_one() -> None:
    with pytest.raises(ValueError, match="has a compensation: pay"):
        Definition("tests", 1, (Step("pay", "pivot", _act, compensation=_act),))
    with pytest.raises(ValueError, match="has a compensation: hold"):
        Definition("tests", 1, (Step("hold", "reversible", _act),))


def test_two_steps_of_one_name_would_share_a_key() -> None:
    with pytest.raises(ValueError, match="bear one name"):
        Definition("tests", 1, (_step("hold", "reversible"), _step("hold", "pivot")))
