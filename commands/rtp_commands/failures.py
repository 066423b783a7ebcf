"""How failures are told: four parts on stderr, or one JSON object there, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rtp_commands.words import WIDEST, closest, safe, safe_json

if TYPE_CHECKING:
    from rtp.errors import Problem, RtpError


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asked for a machine format; also where it could not be parsed."""
    for place, word in enumerate(arguments):
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        value = following if word in ("-o", "--output") else word.removeprefix("-o").removeprefix("--output=")
        if word.startswith(("-o", "--output")) and value in ("json", "ndjson"):
            return True
    return False


def tell(error: RtpError, arguments: Sequence[str]) -> int:
    """Print an error and give its exit code."""
    return tell_problem(error.problem(), arguments)


def tell_problem(problem: Problem, arguments: Sequence[str]) -> int:
    """Print what failed, why, what is still true, and the next command."""
    sys.stderr.write(_as_json(problem) if wants_json(arguments) else _as_text(problem))
    sys.stderr.flush()
    return problem.exit_code


def unknown_word(word: str, kind: str, known: Sequence[str], arguments: Sequence[str]) -> int:
    """A command, verb or flag that does not exist: say what was most likely meant."""
    from rtp.errors import Problem

    near = [] if kind == "flag" else closest(word, known)
    detail = f"There is no {kind} {word!r}."
    if kind == "flag":
        detail += " Before the noun there are only --help, --version and --debug; other flags follow the verb."
    if near:
        detail += " Did you mean " + " or ".join(near) + "?"
    hint = "rtp help" if not near or kind == "help topic" else f"rtp {near[0]} --help"
    problem = Problem(status=400, code="unknown_" + kind.replace(" ", "_"), detail=detail, hint=hint, exit_code=2)
    return tell_problem(problem, arguments)


def _as_text(problem: Problem) -> str:
    lines = [_filled(f"Error: {safe(problem.detail)}")]
    lines += [f"  {safe(path)}: {safe(what)}" for path, what in problem.fields.items() if what not in problem.detail]
    if problem.still:
        lines.append(_filled(f"  {safe(problem.still)}"))
    if problem.hint:
        lines.append(f"  Next: {safe(problem.hint)}")
    if problem.request_id:
        lines.append(f"  ({problem.code}, request {safe(problem.request_id)})")
    return "\n".join(lines) + "\n"


def _filled(text: str) -> str:
    """Prose at a terminal's width; a word that is longer stays whole, for it is likely to be copied."""
    if not sys.stderr.isatty():
        return text
    import shutil
    import textwrap

    wide = min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
    return textwrap.fill(text, wide, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _as_json(problem: Problem) -> str:
    import msgspec

    body = {
        "code": problem.code,
        "message": problem.detail,
        "detail": problem.still,
        "hint": problem.hint,
        "retryable": problem.retryable,
        "request_id": problem.request_id,
        "exit_code": problem.exit_code,
    }
    for name in ("fields", "params"):
        if value := getattr(problem, name):
            body[name] = value
    return safe_json(msgspec.json.encode({"error": body}, enc_hook=str).decode()) + "\n"
