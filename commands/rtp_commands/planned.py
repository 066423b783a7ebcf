"""A plan as people are shown it, before they are asked and after a dry run."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from typer._click.globals import get_current_context

from rtp.client import OperationUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtp.operations import Plan
    from rtp.plans.schemas import Asked
    from rtp_commands.call import Call
    from rtp_commands.leaf import Leaf
    from rtp_commands.table import Line


def receipt_of(call: Call, leaf: Leaf, plan: Plan, asked: Asked | None) -> Sequence[Line]:
    """What a person looks at before they say yes: the command's own receipt, else what the plan would change."""
    from rtp_commands.receipt import lines

    if leaf.receipt is not None and asked is not None:
        with suppress(OperationUnknown):  # a server that is older knows the command, but not what its receipt asks
            return leaf.receipt(call, asked)
    return lines(plan, reversible=undo(call, None), wide=call.output.wide)


def show_plan(call: Call, plan: Plan, asked: Asked | None = None) -> int:
    """Print what a dry run found and how to carry it out."""
    if call.output.format != "table":
        call.output.one(msgspec.to_builtins(plan, enc_hook=str) | call.leaf.way_back(undo(call, None)))
    else:
        call.output.lines(receipt_of(call, call.leaf, plan, asked))
        if call.leaf.receipt is not None and asked is not None:
            from rtp_commands.receipt import brief

            call.output.lines([[], *brief(plan, wide=call.output.wide)])
    sys.stdout.flush()
    way = f"To carry it out: {get_current_context().command_path} --plan {plan.id}"
    call.say(f"Nothing was changed. {way if plan.changes or plan.jobs else 'There is nothing to carry out.'}")
    return 0


def undo(call: Call, value: Any) -> str:
    """The command that undoes this one, with what is known filled in; or that it is final."""
    if call.leaf.reversible is None:
        return "final: it cannot be undone"
    text = call.leaf.reversible
    known = {name.upper(): str(given) for name, given in call.given.items() if isinstance(given, str)}
    if (made := getattr(value, "id", None)) is not None:
        known = {name.upper(): str(made) for name in call.given} | {"ID": str(made)} | known
    return "undo: " + " ".join(known.get(word, word) for word in text.split())
