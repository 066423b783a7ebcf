"""Each command, run as its own help page shows it, on a platform with something of everything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from rtp.testing.filled import Filled
from rtp_commands.tree import Described
from rtp_commands.words import width
from tests.acceptance import leaves
from tests.acceptance.leaves import Run

COMMANDS = leaves.commands()
THREADS = 4
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
Runs = dict[str, Future[Run]]
by_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)


def together(tasks: dict[str, Callable[[], Run]]) -> Runs:
    """Run all of them, some at a time; what could not even be prepared fails only the case that asks for it."""
    begun: Runs = {}
    with ThreadPoolExecutor(THREADS) as pool:
        begun |= {name: pool.submit(task) for name, task in tasks.items() if name not in leaves.ALONE}
    with ThreadPoolExecutor(1) as pool:
        begun |= {name: pool.submit(task) for name, task in tasks.items() if name in leaves.ALONE}
    return begun


def asked_for(request: pytest.FixtureRequest, test: Callable[..., None]) -> list[Described]:
    """The commands whose case of a test is part of this run."""
    items = [item for item in request.session.items if getattr(item, "function", None) is test]
    return [item.callspec.params["command"] for item in items]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def first_examples(request: pytest.FixtureRequest, filled: Filled) -> Runs:
    """Each leaf's first example, as JSON."""

    def task(command: Described) -> Callable[[], Run]:
        return lambda: leaves.run(
            filled, leaves.in_format(leaves.words_of(command, leaves.examples(command)[0], filled), "json")
        )

    return together({one.path: task(one) for one in asked_for(request, test_the_first_example_of_each_page_works)})


@pytest.fixture(scope="module")
def wrong_values(request: pytest.FixtureRequest, filled: Filled) -> Runs:
    """Each leaf with a value that cannot be."""

    def task(command: Described) -> Callable[[], Run]:
        return lambda: leaves.run(filled, leaves.wrong(command, filled))

    wanted = asked_for(request, test_a_wrong_value_is_refused_with_its_own_code_and_nothing_on_stdout)
    return together({one.path: task(one) for one in wanted})


@by_command
def test_the_first_example_of_each_page_works(command: Described, first_examples: Runs) -> None:
    done = first_examples[command.path].result()
    assert done.code in leaves.expected(leaves.examples(command)[0]) & set(command.exit_codes), str(done)
    holds_json(command, done)


@by_command
def test_a_wrong_value_is_refused_with_its_own_code_and_nothing_on_stdout(
    command: Described, wrong_values: Runs
) -> None:
    done = wrong_values[command.path].result()
    assert done.code in set(command.exit_codes) - {0, 1, 130, 143}, str(done)
    assert done.out == "", str(done)
    assert done.err.strip(), str(done)
    assert "Traceback" not in done.err, str(done)


@pytest.mark.prove("fuzz")
def test_every_example_works_as_json_in_a_terminal_of_80_columns_and_in_a_pipe(
    filled: Filled, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [(command, example) for command in COMMANDS for example in leaves.examples(command)]
    failures: list[str] = []
    at_zero = 0

    def check(case: tuple[Described, str]) -> tuple[int, list[str]]:
        return measured(filled, *case)

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(check, [case for case in cases if case[0].path not in leaves.ALONE]))
    for zeros, found in [*results, *(check(case) for case in cases if case[0].path in leaves.ALONE)]:
        at_zero += zeros
        failures += found
    meant = [example for _, example in cases if leaves.expected(example) == {0}]
    with capsys.disabled():
        print(f"\n{at_zero} of {len(cases)} examples ended with 0 in all three ways; {len(meant)} are meant to")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
    assert at_zero >= len(meant)


def measured(filled: Filled, command: Described, example: str) -> tuple[int, list[str]]:
    """Whether an example ended with 0 in all three ways, and what was wrong."""
    as_json = leaves.run(filled, leaves.in_format(leaves.words_of(command, example, filled), "json"))
    words = leaves.words_of(command, example, filled)
    piped = leaves.run(filled, words if "-o" in words else leaves.in_format(words, "table"))
    words = leaves.words_of(command, example, filled)
    shown = leaves.run(filled, words if "-o" in words else leaves.in_format(words, "table"), terminal=True)
    wrong = [
        str(done)
        for done in (as_json, piped, shown)
        if done.code not in leaves.expected(example) & set(command.exit_codes)
    ]
    try:
        holds_json(command, as_json)
    except (AssertionError, ValueError) as error:
        wrong.append(f"no JSON: {as_json}\n{error}")
    if "\x1b" in piped.out + piped.err:
        wrong.append(f"escape codes in a pipe: {piped}")
    if "-o" not in words and command.path not in leaves.TEXT:
        for kind, done in (("a pipe", piped), ("a terminal", shown)):
            wrong += [f"wider than 80 in {kind}: {line!r} of {done.words}" for line in too_wide(done.out)]
    return int(all(done.code == 0 for done in (as_json, piped, shown))), wrong


def holds_json(command: Described, done: Run) -> None:
    """What was printed is one JSON document; a failure prints none on stdout and one on stderr."""
    if command.path in leaves.TEXT:
        assert done.out.strip(), str(done)
    elif done.out or done.code == 0:
        json.loads(done.out)


def too_wide(text: str) -> list[str]:
    """Lines that do not fit 80 columns."""
    return [line for line in ESCAPE.sub("", text).replace("\r", "").splitlines() if width(line) > 80]
