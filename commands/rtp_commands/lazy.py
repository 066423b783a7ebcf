"""Commands made when they are named: a group's module is imported once, and only the verb in use is built."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_command_name
from typer.models import CommandInfo

from rtp_commands import pages
from rtp_commands.call import bound
from rtp_commands.leaf import declaration
from rtp_commands.main import Row
from rtp_commands.words import closest

if TYPE_CHECKING:
    from typer._click.core import Command, Context

HELP = ["--help", "-h"]
SETTINGS = {"help_option_names": HELP, "max_content_width": 100}


def load(row: Row) -> Command:
    """The command behind a row: a noun with its verbs, or a command without one."""
    app = module_of(row).app
    verbs = {name_of(info): info for info in app.registered_commands}
    if row.leaf:
        return build(row.name, verbs[row.name])
    return Noun(row, verbs)


def module_of(row: Row) -> Any:
    """Import a row's module: one of this package, or of a plugin, whose files are checked first.

    Raises: PluginChanged, PluginNotTrusted, TrustFileUnsafe.
    """
    name = row.module if row.plugin else f"rtp_commands.{row.module}"
    if row.plugin:
        from rtp.plugins import trust

        trust.admit(os.environ, row.plugin)
        trust.require_module(row.plugin, name)
    return importlib.import_module(name)


def name_of(info: CommandInfo) -> str:
    """The verb, as it is typed."""
    return info.name or get_command_name(info.callback.__name__)  # type: ignore[union-attr]


def build(name: str, info: CommandInfo) -> Command:
    """A command with the flags of its kind added to its own parameters."""
    assert info.callback
    made = typer.models.CommandInfo(
        name=name,
        cls=Verb,
        callback=bound(info.callback),
        help=info.callback.__doc__,
        context_settings=SETTINGS,
        hidden=info.hidden,
    )
    command = get_command_from_info(made, pretty_exceptions_short=False, rich_markup_mode=None)
    assert isinstance(command, Verb)
    command.leaf = declaration(info.callback)
    return command


class Verb(TyperCommand):
    """One command. With `--plan ID` and no argument of its own nothing is required: the plan holds the request."""

    leaf: Any = None

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse, after lifting what is required when a plan alone is to be carried out."""
        if plan_alone(args) and self.leaf.kind == "write":
            for param in self.params:
                param.required = False
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Context) -> str:
        """The page of this command."""
        return pages.of_verb(self, ctx.command_path)


class Noun(TyperGroup):
    """A group whose verbs are built when they are asked for.

    A verb may be of two words, as `received list`: the first names a part of the group, and alone shows its page.
    """

    def __init__(self, row: Row, verbs: dict[str, CommandInfo]) -> None:
        super().__init__(name=row.name, help=row.help, context_settings=SETTINGS, rich_markup_mode=None)
        self.row = row
        self.verbs = verbs

    def list_commands(self, ctx: Context) -> list[str]:
        """The verbs, in the order of the module."""
        return list(self.verbs)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Build a verb."""
        info = self.verbs.get(cmd_name)
        return build(cmd_name, info) if info else None

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """A noun alone shows its page."""
        if not args and not ctx.resilient_parsing:
            typer.echo(self.get_help(ctx))
            raise typer.Exit(0)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find the verb, or say which one was most likely meant."""
        if of_part := part(self.verbs, args[0]):
            return self.resolve_in_part(ctx, of_part, args)
        command = self.get_command(ctx, args[0])
        if command is None:
            self.no_such_verb(ctx, self.row.name, args[0], heads(self.verbs))
        return args[0], command, args[1:]

    def resolve_in_part(
        self, ctx: Context, verbs: dict[str, CommandInfo], args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Find the second word of a verb; without one, show the page of this part."""
        if len(args) == 1 or args[1] in HELP:
            typer.echo(pages.of_noun(self.row, verbs, args[0]))
            raise typer.Exit(0)
        verb = f"{args[0]} {args[1]}"
        command = self.get_command(ctx, verb)
        if command is None:
            seconds = [name.partition(" ")[2] for name in verbs]
            self.no_such_verb(ctx, f"{self.row.name} {args[0]}", args[1], seconds)
        return verb, command, args[2:]

    def no_such_verb(self, ctx: Context, path: str, word: str, known: list[str]) -> NoReturn:
        """Say which verb was most likely meant."""
        if word.startswith("-"):
            ctx.fail(f"There is no flag {word} here; flags follow the verb.")
        near = closest(word, known)
        guess = f" Did you mean {' or '.join(near)}?" if near else f" There are: {', '.join(known)}."
        ctx.fail(f"{path} has no verb {word!r}.{guess}")

    def get_help(self, ctx: Context) -> str:
        """The page of this noun."""
        return pages.of_noun(self.row, self.verbs)


def part(verbs: dict[str, CommandInfo], word: str) -> dict[str, CommandInfo]:
    """The verbs of two words that begin with this one."""
    return {name: info for name, info in verbs.items() if name.startswith(f"{word} ")}


def heads(verbs: dict[str, CommandInfo]) -> list[str]:
    """The first words of the verbs, each once."""
    return list(dict.fromkeys(name.partition(" ")[0] for name in verbs))


def plan_alone(args: list[str]) -> bool:
    """Whether `--plan` is given and no argument or flag of the command's own."""
    return any(word == "--plan" or word.startswith("--plan=") for word in args)
