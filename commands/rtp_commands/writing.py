"""One write, from the intent to its outcome: confirm, journal, send once, wait; and plans."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from rtp.client import AnswerOfAnotherVersion, OutcomeUnknown
from rtp.errors import RtpError
from rtp.operations import Operation, Plan
from rtp.payments.schemas import in_words
from rtp.plans import schemas as plans
from rtp.plans.schemas import Asked
from rtp_commands import prompts
from rtp_commands.call import Call, Planned, Result
from rtp_commands.errors import EndedFailed, EndedUnknown, PlanOfOtherCommand, StillPending, Terminated, Usage
from rtp_commands.journal import Ending, Intent, Journal, State, new_id, now
from rtp_commands.leaf import Leaf, Severity, Waiting
from rtp_commands.planned import receipt_of, undo

if TYPE_CHECKING:
    from rtp.client import Outcome

B = TypeVar("B")
R = TypeVar("R")
PAUSE = 0.25
_pause = threading.Event()


def send(call: Call, op: Operation[B, R], body: B | None, params: dict[str, Any]) -> R:
    """Send one write and return what it made.

    Raises: Planned when it is only a dry run; ApiError, Unreachable, OutcomeUnknown; what waiting for it raises.
    """
    if call.flags.dry_run:
        outcome = call.client.write(op, body, dry_run=True, reason=call.flags.reason, at=params)
        raise Planned(outcome.plan, _asked(params, body))
    plan = _confirmed(call, op, body, params)
    op_id = new_id()
    intent = intent_of(call, op, op_id, body, params, plan)
    outcome = recorded(
        call,
        intent,
        lambda: call.client.write(
            op, body, key=intent.key, plan=plan, reason=call.flags.reason, op_id=op_id, at=params
        ),
    )
    return _ended(call, outcome)  # type: ignore[no-any-return]


def intent_of(
    call: Call, op: Operation[Any, Any], op_id: str, body: Any, params: dict[str, Any], plan: str | None
) -> Intent:
    """The journal's record of a write."""
    from rtp.client import address

    path, query = address(op.path, params)
    asked = {"reason": call.flags.reason, "plan": plan}
    return Intent(
        id=op_id,
        at=now(),
        operation=op.id,
        method=op.method,
        path=path,
        key=call.flags.idempotency_key or op_id,
        context=call.target.name,
        where=call.target.where,
        query={name: str(value) for name, value in (query | asked).items() if value is not None},
        body=msgspec.to_builtins(body, enc_hook=str) if body is not None else None,
        command=["rtp", *sys.argv[1:]],
    )


def recorded(call: Call, intent: Intent, act: Any) -> Any:
    """Put the intent into the journal, act, and note how it ended."""
    journal = Journal(os.environ)
    call.client  # noqa: B018 - a server that cannot be spoken to at all leaves no intent behind
    journal.begin(intent)
    try:
        outcome = act()
    except RtpError as error:
        note(call, journal, intent.id, failed(error))
        raise
    except (KeyboardInterrupt, Terminated):
        if not intent.resume:  # a bulk of many requests says itself how it goes on
            call.output.quiet = False
            call.say(f"It was sent, and whether it was carried out is not known. To learn it: rtp retry {intent.id}")
        raise
    target = str(getattr(getattr(outcome, "value", None), "id", "") or "")
    note(call, journal, intent.id, Ending(at=now(), state="done", request_id=outcome.request_id, target=target))
    return outcome


def failed(error: RtpError) -> Ending:
    """How an intent ended that was not carried out, or of which that is not known."""
    problem = error.problem()
    running = problem.code == "idempotency_in_progress"
    state: State = "unknown" if running or isinstance(error, OutcomeUnknown) else "refused"
    if isinstance(error, AnswerOfAnotherVersion):
        state = "done"
    return Ending(at=now(), state=state, code=problem.code, request_id=problem.request_id)


def note(call: Call, journal: Journal, op_id: str, ending: Ending) -> None:
    """Note an ending; what happened has happened, also when the disk is full."""
    try:
        journal.end(op_id, ending)
    except OSError as error:
        call.say(f"The journal could not note the end of {op_id}: {error.strerror}.")


def await_end(call: Call, waiting: Waiting, value: Any) -> Any:
    """Look again until the state is a final one, or `--timeout` has passed.

    Raises: StillPending (14), EndedUnknown (9), EndedFailed (7).
    """
    deadline = time.monotonic() + call.flags.timeout
    while (state := str(getattr(value, waiting.field))) not in waiting.done | waiting.held | waiting.failed:
        if time.monotonic() >= deadline:
            kind = EndedUnknown if state in waiting.unknown else StillPending
            raise kind(what=value.id, state=state, seconds=f"{call.flags.timeout:g}", hint=_look(call, value.id))
        value = _looked_again(call, waiting, value)
    if state in waiting.failed:
        raise _ended_failed(call, waiting, state, value)
    return value


def _looked_again(call: Call, waiting: Waiting, value: Any) -> Any:
    try:
        _pause.wait(PAUSE)
        return call.client.read(waiting.operation, **{waiting.param: value.id})
    except (KeyboardInterrupt, Terminated):
        call.output.quiet = False
        call.say(f"{value.id} was accepted and goes on; only the waiting ended. Watch it: {_look(call, value.id)}")
        raise


def _ended_failed(call: Call, waiting: Waiting, state: str, value: Any) -> EndedFailed:
    reason = getattr(value, waiting.why) if waiting.why else ""
    holds, onward = waiting.tells(value) if waiting.tells else ("", "")
    return EndedFailed(
        what=value.id,
        state=state,
        why=f": {in_words(reason)}" if reason else "",
        holds=holds,
        hint="; ".join(filter(None, (onward, _look(call, value.id)))),
    )


def apply_plan(call: Call, plan_id: str, *, any_operation: bool = False) -> Result:
    """Carry out a stored plan by its id alone; it must be one of this command's, unless any will do.

    Raises: PlanOfOtherCommand, and what asking and sending raise.
    """
    if call.flags.reason is not None or call.flags.idempotency_key is not None:
        raise Usage(what="a plan holds its own reason and key: --reason and --idempotency-key go with its dry run")
    shown = call.client.read(plans.SHOW, plan=plan_id)
    if call.flags.dry_run:
        raise Planned(shown, shown.asked)
    op = plans.APPLY if any_operation else _planned_operation(call, shown)
    if prompts.interactive() and _asks(call):
        call.output.tell(receipt_of(call, _leaf(call, shown), shown, shown.asked))
    _ask(call, _typed_value(call, shown.result if isinstance(shown.result, dict) else {}))
    op_id = new_id()
    applying: Operation[Any, Any] = msgspec.structs.replace(
        op, method=plans.APPLY.method, path=plans.APPLY.path, body=None
    )
    at = {"plan": plan_id}
    intent = intent_of(call, applying, op_id, None, at, None)
    outcome = recorded(call, intent, lambda: call.client.write(applying, key=intent.key, op_id=op_id, at=at))
    return Result(_ended(call, outcome))


def _planned_operation(call: Call, shown: Plan) -> Operation[Any, Any]:
    op = next((one for one in call.leaf.operations if one.id == shown.operation), None)
    if op is None:
        raise PlanOfOtherCommand(plan=shown.id, operation=shown.operation)
    return op


def _leaf(call: Call, shown: Plan) -> Leaf:
    """The command that the plan is of, which is another one than this where any plan can be carried out."""
    if shown.operation in [op.id for op in call.leaf.operations]:
        return call.leaf
    from rtp_commands.tree import leaf_of

    return leaf_of(shown.operation) or call.leaf


def _asked(params: dict[str, Any], body: Any) -> Asked:
    return Asked(path=params, body=None if body is None else msgspec.to_builtins(body, enc_hook=str))


def _ended(call: Call, outcome: Outcome[Any]) -> Any:
    """The outcome's value, waited for where that is declared and wanted."""
    value = outcome.value
    if call.leaf.waiting and call.flags.wait:
        value = await_end(call, call.leaf.waiting, value)
    _tell_done(call, outcome, value)
    return value


def _tell_done(call: Call, outcome: Outcome[Any], value: Any) -> None:
    if outcome.replayed:
        call.say("Replayed: this is the stored answer; nothing was done again.")
        return
    name = str(getattr(value, "id", "") or "")
    call.say(_begun(call, name, value) or f"Done{': ' + name if name else ''} ({undo(call, value)}).")


def _begun(call: Call, name: str, value: Any) -> str:
    """What is true of a write whose work goes on after it; empty where the work is done."""
    waiting, begins = call.leaf.waiting, call.leaf.begins
    if begins is not None:
        watch, stop = begins.watch.replace("ID", name), begins.stop.replace("ID", name)
        begun = f"Begun: {name} ({undo(call, value)}). Watch it: {watch}"
        return f"{begun}. Stop what is left: {stop}" if stop else begun
    state = "" if waiting is None else str(getattr(value, waiting.field))
    if waiting is None or state in waiting.done | waiting.failed:
        return ""
    return f"{'Kept' if state in waiting.held else 'Begun'}: {name} is {state}. Watch it: {_look(call, name)}"


def _confirmed(call: Call, op: Operation[Any, Any], body: Any, params: dict[str, Any]) -> str | None:
    """Ask where it is due; on a terminal after a preview, and what was previewed is then what is carried out.

    A severe write whose value was left to the server (all that is left of a payment) is planned to learn it.
    """
    if call.flags.plan or not _asks(call):
        return call.flags.plan
    unsaid = call.leaf.confirm is not None and call.given.get(call.leaf.confirm) is None
    if not prompts.interactive() and not unsaid:
        _ask(call, _typed_value(call, {}))
        return None
    planned = call.client.write(op, body, dry_run=True, reason=call.flags.reason, at=params).plan
    if planned is None:
        return None
    if prompts.interactive():
        call.output.tell(receipt_of(call, call.leaf, planned, _asked(params, body)))
    _ask(call, _typed_value(call, planned.result if isinstance(planned.result, dict) else {}))
    return planned.id


def ask_first(call: Call) -> None:
    """Ask for a write that is not one request and so has no preview."""
    _ask(call, _typed_value(call, {}))


def _asks(call: Call) -> bool:
    mild = call.leaf.severity is not Severity.SEVERE
    return not (mild and call.flags.yes) and prompts.wanted(call.leaf.severity, call.environment)


def _ask(call: Call, value: str) -> None:
    if _asks(call):
        prompts.confirm(call, call.environment, value)


def _typed_value(call: Call, result: dict[str, Any]) -> str:
    name = call.leaf.confirm or ""
    given = call.given.get(name)
    if given is not None:
        return str(getattr(given, "text", given))
    value = result.get(name, "")
    if isinstance(value, dict):
        from rtp_commands.cells import money

        return money(value).partition(" ")[0].replace(",", "")
    return str(value)


def _look(call: Call, target: str) -> str:
    waiting = call.leaf.waiting
    assert waiting is not None, "only what is waited for can be looked at again"
    return f"{waiting.look or f'rtp {waiting.operation.area} show'} {target}"
