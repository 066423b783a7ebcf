"""The verdict is computed from the journal, in each case where Chaos Toolkit itself would say that all is well."""

from __future__ import annotations

import pytest

from rtp.chaos.policy import Aftermath, Journal, Provided, Ran, State, States, judge

MET = State(steady_state_met=True, probes=[Ran(status="succeeded", tolerance_met=True)])
MISSED = State(
    steady_state_met=False,
    probes=[Ran(activity=Provided(name="ready"), status="succeeded", output=False, tolerance_met=False)],
)
DID = Ran(activity=Provided(name="kill", type="action"), status="succeeded")
RAISED = Ran(activity=Provided(name="kill", type="action"), status="failed", exception=["X: it is gone\n"])
UNDONE = Aftermath(verification=MET)


def journal(
    *, before: State | None = MET, after: State | None = MET, during: list[State | None] | None = None,
    run: tuple[Ran, ...] = (DID,), rollbacks: tuple[Ran, ...] = (DID,), rtp: Aftermath = UNDONE,
) -> Journal:  # fmt: skip
    return Journal(
        status="completed",
        steady_states=States(before=before, after=after, during=during or []),
        run=list(run),
        rollbacks=list(rollbacks),
        experiment={"rollbacks": [{"name": "undo"}]},
        rtp=rtp,
    )


@pytest.mark.parametrize(
    "given,verdict,rollbacks",
    [
        (journal(), "held", "verified"),
        (journal(before=MISSED, after=None, run=()), "not steady", "not needed"),
        (journal(before=MISSED, after=None, run=(), rollbacks=(RAISED,)), "rollback failed", "failed"),
        (journal(after=MISSED), "deviated", "verified"),
        (journal(during=[MET, MISSED, MET]), "deviated", "verified"),
        (journal(run=(RAISED,)), "deviated", "verified"),
        (journal(rollbacks=(RAISED,)), "rollback failed", "failed"),
        (journal(rollbacks=()), "rollback failed", "failed"),
        (journal(rtp=Aftermath()), "rollback failed", "failed"),
        (journal(rtp=Aftermath(verification=MISSED)), "rollback failed", "failed"),
        (journal(rtp=Aftermath(verification=MET, undo_failed=["x"])), "rollback failed", "failed"),
        (journal(after=None), "not judged", "verified"),
        (journal(after=None, rtp=Aftermath(verification=MET, too_long=5.0)), "deviated", "verified"),
        (journal(before=None, after=None, run=(), rollbacks=()), "not judged", "not needed"),
        (journal(rtp=Aftermath(verification=MET, interrupted="Ctrl-C"), after=None), "interrupted", "verified"),
        (journal(rtp=Aftermath(interrupted="Ctrl-C"), after=None), "rollback failed", "failed"),
        (journal(rollbacks=(), rtp=Aftermath(verification=MET, undone=["kill"])), "rollback failed", "failed"),
    ],
)
def test_the_worst_of_what_the_journal_shows_is_the_verdict(given: Journal, verdict: str, rollbacks: str) -> None:
    found = judge(given)
    assert (found.verdict, found.rollbacks) == (verdict, rollbacks)


@pytest.mark.parametrize("given", [journal(after=MISSED), journal(run=(RAISED,)), journal(rollbacks=(RAISED,))])
def test_every_bad_verdict_names_the_activity_that_caused_it(given: Journal) -> None:
    assert any(name in reason for reason in judge(given).reasons for name in ("ready", "kill"))
