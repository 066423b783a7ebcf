"""Completion beyond the first word: verbs, flags and choices offline, e-mails and prices from the server."""

from __future__ import annotations

from typing import Any


def complete(words: list[str]) -> int:
    """Print what the last word may become, one per line with its help after a tab."""
    from rtp_commands.main import find

    if words[0] == "help":
        from rtp_commands.topics import NAMES

        return _print([(name, "") for name in NAMES], words[-1])
    row = find(words[0])
    if row is None:
        return 0
    from rtp.errors import RtpError
    from rtp_commands import lazy

    try:
        command: Any = lazy.load(row)
    except RtpError:
        return 0  # a plugin that changed: the command itself says so, a completion is silent
    before, typed = words[1:-1], words[-1]
    if not row.leaf:
        taken = 2 if before and lazy.part(command.verbs, before[0]) else 1
        verb = " ".join(before[:taken])
        if len(before) < taken:
            return _print(next_words(command.verbs, verb), typed)
        info = command.verbs.get(verb)
        if info is None:
            return 0
        command, before = lazy.build(verb, info), before[taken:]
    return _print(_candidates(command, before, typed), typed)


def next_words(verbs: dict[str, Any], begun: str) -> list[tuple[str, str]]:
    """The words that a verb may go on with, each with its help; the first word of several verbs stands once."""
    from rtp_commands import pages

    start = f"{begun} " if begun else ""
    words = {}
    for name, info in verbs.items():
        if name.startswith(start):
            word, _, more = name.removeprefix(start).partition(" ")
            words[word] = "" if more else pages.split(info.callback.__doc__)[0].splitlines()[0]
    return list(words.items())


def _candidates(command: Any, before: list[str], typed: str) -> list[tuple[str, str]]:
    flags = {name: param for param in command.params for name in [*param.opts, *param.secondary_opts]}
    last = flags.get(before[-1]) if before else None
    if last is not None and last.param_type_name == "option" and not last.is_flag:
        return _values(last, typed)
    if typed.startswith("-"):
        return [(name, param.help or "") for name, param in flags.items() if name.startswith("--")] + [("--help", "")]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    place = _words_given(before, flags)
    return _values(arguments[place], typed) if place < len(arguments) else []


def _words_given(before: list[str], flags: dict[str, Any]) -> int:
    count, takes_value = 0, False
    for word in before:
        if takes_value:
            takes_value = False
        elif word.startswith("-"):
            param = flags.get(word)
            takes_value = param is not None and not param.is_flag and "=" not in word
        else:
            count += 1
    return count


def _values(param: Any, typed: str) -> list[tuple[str, str]]:
    if choices := getattr(param.type, "choices", None):
        return [(str(choice), "") for choice in choices]
    if param.name == "output":
        return [(name, "") for name in ("table", "json", "ndjson", "yaml", "csv", "ids")]
    kind = {"USER": "users", "PRICE": "prices", "NAME": "contexts" if param.name in ("context", "name") else ""}
    if param.metavar in kind:
        from rtp_commands.suggest import values

        return [(value, "") for value in values(kind[param.metavar], typed)]
    return []


def _print(found: list[tuple[str, str]], typed: str) -> int:
    for value, help in found:
        if value.startswith(typed):
            print(f"{value}\t{help}" if help else value)
    return 0
