"""The tree of commands: one vocabulary, three flag sets, and everything declared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer._click.exceptions import UsageError

from rtp_commands import completing, flags, lazy, main, tree
from rtp_commands.call import Call, local
from rtp_commands.leaf import declaration
from rtp_commands.tree import Described

COMMANDS = list(tree.describe())
VOCABULARY = set(
    """list show create update delete preview issue approve reject cancel pause resume run halt apply plan import export
    retry watch check report history""".split()
)
VERBS = Path(__file__).parents[2] / "docs" / "reference" / "verbs.md"
by_path = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)


@by_path
def test_each_command_has_exactly_the_flags_of_its_kind(command: Described) -> None:
    shared = {flag.name for flag in command.flags if flag.shared or flag.name in flags.SETS["every write"]}
    wanted = set(flags.of_kind(command.kind))
    assert shared == wanted
    assert any(flag.name == "confirm" for flag in command.flags) == (command.severity == "severe")


@by_path
def test_shared_flags_are_typed_the_same_everywhere(command: Described) -> None:
    everywhere = flags.of_kind(command.kind)
    for flag in command.flags:
        if flag.name in everywhere:
            assert set(flag.names) == {
                part for name in flags.declared(everywhere[flag.name][0]) for part in name.split("/")
            }


@by_path
def test_each_command_shows_examples_of_itself(command: Described) -> None:
    assert command.examples
    assert all(example.startswith(command.path) for example in command.examples)


@by_path
def test_each_flag_and_argument_is_explained(command: Described) -> None:
    assert [flag.name for flag in command.flags if not flag.help] == []


@by_path
def test_each_write_says_what_it_does_and_whether_it_can_be_undone(command: Described) -> None:
    if command.kind == "write":
        assert command.operations
        assert command.side_effects
        assert command.final or command.reversible


def test_the_commands_that_watch_and_stop_what_only_began_exist() -> None:
    modules = [lazy.module_of(row) for row in main.rows()]
    leaves = [declaration(info.callback) for module in modules for info in module.app.registered_commands]
    named = [text for leaf in leaves if leaf.begins for text in (leaf.begins.watch, leaf.begins.stop) if text]
    named += [leaf.waiting.look or f"rtp {leaf.waiting.operation.area} show" for leaf in leaves if leaf.waiting]
    assert len(named) > 10
    assert {text.removesuffix(" ID").partition(" --")[0] for text in named} - {one.path for one in COMMANDS} == set()


@by_path
def test_a_command_that_undoes_another_exists(command: Described) -> None:
    if command.reversible:
        paths = {one.path for one in COMMANDS}
        assert any(" ".join(command.reversible.split()[:words]) in paths for words in (3, 4))


@by_path
def test_each_page_fits_80_columns(command: Described) -> None:
    row = main.find(command.path.split()[1])
    assert row is not None
    built = lazy.load(row)
    with built.make_context(f"rtp {row.name}", [], resilient_parsing=True) as ctx:
        verb: Any = built if row.leaf else built.get_command(ctx, " ".join(command.path.split()[2:]))  # type: ignore[attr-defined]
        page = verb.get_help(ctx)
    too_long = [line for line in page.splitlines() if len(line) > 80 and not line.lstrip().startswith("rtp ")]
    assert too_long == []


def test_every_verb_is_of_the_vocabulary_or_has_its_row_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([\w, -]+) \|$", VERBS.read_text(), re.MULTILINE)
    allowed = {(noun, verb) for verb, nouns in rows for noun in nouns.split(", ")}
    used = {(words[1], words[-1]) for command in COMMANDS if len(words := command.path.split()) > 2}
    assert {(noun, verb) for noun, verb in used if verb not in VOCABULARY} <= allowed


def test_the_documentation_of_verbs_names_no_verb_that_nobody_has() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([\w, -]+) \|$", VERBS.read_text(), re.MULTILINE)
    used = {(words[1], words[-1]) for command in COMMANDS if len(words := command.path.split()) > 2}
    assert {(noun, verb) for verb, nouns in rows for noun in nouns.split(", ")} <= used


def test_commands_without_an_operation_are_at_most_twenty() -> None:
    assert len([command.path for command in COMMANDS if not command.operations]) <= 20


def test_a_function_without_a_declaration_is_refused() -> None:
    with pytest.raises(TypeError, match="not declared"):
        declaration(test_a_function_without_a_declaration_is_refused)


def test_the_tree_as_json_carries_what_a_machine_needs(rtp: Any) -> None:
    tree = {command["path"]: command for command in rtp.json("commands")}
    suspend = tree["rtp users suspend"]
    assert suspend["operations"] == ["users.suspend"]
    assert suspend["reversible"] == "rtp users restore USER"
    assert {2, 5, 6, 7, 9, 13, 14} <= set(suspend["exit_codes"])
    assert tree["rtp users note"]["final"] is True


@local()
def _received_list(call: Call) -> None:
    """List what came.

    Examples:
        rtp things received list
    """


@pytest.fixture
def things() -> lazy.Noun:
    """A group with a verb of one word and verbs of two."""
    app = typer.Typer()
    for name in ("listen", "received list", "received show"):
        app.command(name)(_received_list)
    verbs = {lazy.name_of(info): info for info in app.registered_commands}
    return lazy.Noun(main.Row("things", "things", "Things", "Money"), verbs)


def _resolved(group: lazy.Noun, *words: str) -> tuple[str | None, list[str]]:
    with group.make_context("rtp things", ["listen"]) as context:
        name, _, rest = group.resolve_command(context, list(words))
    return name, rest


def test_a_verb_of_two_words_is_found_by_both(things: lazy.Noun) -> None:
    assert _resolved(things, "received", "show", "--limit", "3") == ("received show", ["--limit", "3"])
    assert _resolved(things, "listen", "show") == ("listen", ["show"])


def test_the_first_word_of_several_verbs_alone_shows_their_page(
    things: lazy.Noun, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        _resolved(things, "received")
    page = capsys.readouterr().out
    assert "rtp things received <verb>" in page
    assert "show" in page
    assert "listen" not in page


def test_a_mistyped_second_word_is_told_with_its_neighbours(things: lazy.Noun) -> None:
    with pytest.raises(UsageError, match=r"things received has no verb 'shwo'. Did you mean show?"):
        _resolved(things, "received", "shwo")


def test_completion_goes_on_word_by_word(things: lazy.Noun) -> None:
    assert [word for word, _ in completing.next_words(things.verbs, "")] == ["listen", "received"]
    assert [word for word, _ in completing.next_words(things.verbs, "received")] == ["list", "show"]
