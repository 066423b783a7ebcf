"""The root of `rtp`: a table of groups, answered without importing anything until one is named.

The first screen, `--help`, `--version` and the completion of group names come from this table alone. Adding a group is
one module and one row.
"""

from __future__ import annotations

import os
import sys


class Row:
    """One group or top-level command: its name, the module that holds it, one line of help, its panel.

    `leaf` marks a command without a verb; `hidden` keeps a row out of the screens; `plugin` names the distribution of a
    trusted plugin, whose files are checked before its module is imported.
    """

    __slots__ = ("help", "hidden", "leaf", "module", "name", "panel", "plugin")

    def __init__(
        self,
        name: str,
        module: str,
        help: str,
        panel: str,
        *,
        leaf: bool = False,
        hidden: bool = False,
        plugin: str = "",
    ) -> None:
        self.name = name
        self.module = module
        self.help = help
        self.panel = panel
        self.leaf = leaf
        self.hidden = hidden
        self.plugin = plugin


PANELS = ("Members", "Money", "Operations", "Game day", "This tool", "Plugins")

TABLE = (
    Row("users", "users", "Members of the business: create, find, suspend, import", "Members"),
    Row("subscriptions", "subscriptions", "What members are subscribed to, from trial to end", "Members"),
    Row("entitlements", "entitlements", "Which services are open to a member, and why", "Members"),
    Row("products", "products", "What is sold", "Money"),
    Row("prices", "prices", "What it costs, per interval", "Money"),
    Row("catalog", "catalog", "Products and prices from a file, with a diff", "Money"),
    Row("payments", "payments", "Money taken from members' cards", "Money"),
    Row("payment-methods", "payment_methods", "Cards of members: add, list, remove", "Money"),
    Row("refunds", "refunds", "Preview, issue and approve refunds; who may refund what", "Money"),
    Row("disputes", "disputes", "What cardholders object to, and the answer before its deadline", "Money"),
    Row("reconcile", "reconcile", "The provider's record against ours, and what mends it", "Money"),
    Row("ledger", "ledger", "The double-entry books, and their check", "Money"),
    Row("up", "lifecycle", "Start the platform on this machine", "Operations", leaf=True),
    Row("down", "lifecycle", "Stop it", "Operations", leaf=True),
    Row("status", "lifecycle", "What is running", "Operations", leaf=True),
    Row("logs", "lifecycle", "Read or follow the logs", "Operations", leaf=True),
    Row("doctor", "lifecycle", "Check everything, with the command that mends it", "Operations", leaf=True),
    Row("today", "today", "The morning page", "Operations", leaf=True),
    Row("jobs", "jobs", "Work that runs later, and what failed of it", "Operations"),
    Row("sagas", "sagas", "Work in several steps, and what it waits for", "Operations"),
    Row("events", "events", "What happened, in order", "Operations"),
    Row("breakers", "breakers", "Circuit breakers towards peers that fail: look, reset", "Operations"),
    Row("cache", "cache", "Warm, look into and purge the cache", "Operations"),
    Row("migrations", "migrations", "The database's schema: status, plan, apply", "Operations"),
    Row("webhooks", "webhooks", "Events sent to others, and those of providers", "Operations"),
    Row("audit", "audit", "Who did what to whom, and why", "Operations"),
    Row("plans", "plans", "What dry runs found: look again, carry out", "Operations"),
    Row("staff", "staff", "People who use rtp, and their roles", "Operations"),
    Row("tokens", "tokens", "API tokens", "Operations"),
    Row("sandbox", "sandbox", "The built-in payment provider: make it misbehave", "Game day"),
    Row("chaos", "chaos", "Experiments that break things on purpose", "Game day"),
    Row("loadtests", "loadtests", "Load tests with thresholds", "Game day"),
    Row("slo", "slo", "Service level objectives, judged from history", "Game day"),
    Row("demo", "demo", "An operator's day on real input", "Game day", leaf=True),
    Row("context", "contexts", "Servers that this tool knows", "This tool"),
    Row("whoami", "identity", "Who the server takes you for", "This tool", leaf=True),
    Row("history", "history", "What was sent from this machine", "This tool", leaf=True),
    Row("retry", "history", "Repeat one intent safely, with its own key", "This tool", leaf=True),
    Row("api", "api", "Send any request", "This tool", leaf=True),
    Row("commands", "tree", "Every command, for people and machines", "This tool", leaf=True),
    Row("completion", "completion", "Completion for bash, zsh and fish", "This tool"),
    Row("plugins", "plugins", "What is installed, and what is trusted", "This tool"),
)

ALIASES = {"db": "migrations", "load": "loadtests", "gameday": "gamedays"}


def rows() -> list[Row]:
    """The rows whose module exists, in the order of the table, then those of trusted plugins."""
    from rtp_commands import trusted

    return [*_own_rows(), *trusted.rows(os.environ)]


def find(name: str) -> Row | None:
    """The row of a name or of an alias; the trust file is read only for a name that is not our own."""
    wanted = ALIASES.get(name, name)
    own = next((row for row in _own_rows() if row.name == wanted), None)
    return own or next((row for row in rows() if row.name == wanted), None)


def _own_rows() -> list[Row]:
    names = os.listdir(os.path.dirname(__file__))
    there = {name.partition(".")[0] for name in names}
    return [row for row in TABLE if row.module in there]


def main() -> int:
    """Run one command line; the value is the exit code."""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        return closed_pipe()
    except KeyboardInterrupt:
        return 130
    return code


def closed_pipe() -> int:
    """Whoever read us has enough: end quietly, also in the interpreter's own flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _run(arguments: list[str]) -> int:
    if "_RTP_COMPLETE" in os.environ:
        return _complete(arguments)
    debug = os.environ.get("RTP_DEBUG", "") not in ("", "0")
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag == "--debug":
            debug = True
        elif flag in ("--help", "-h"):
            return _screen(full=True)
        elif flag == "--version":
            from rtp import __version__

            print(f"rtp {__version__}")
            return 0
        else:
            return _mistake(flag)
    if not arguments:
        return _screen(full=False)
    name, rest = arguments[0], arguments[1:]
    if name == "help":
        return _help(rest, debug)
    row = find(name)
    return _mistake(name) if row is None else _dispatch(row, rest, debug)


def _dispatch(row: Row, arguments: list[str], debug: bool) -> int:
    import gc

    from rtp.kit.imports import import_without

    gc.disable()  # imports make no garbage worth a collection, which would cost a tenth of the start
    import_without("msgspec", "typing_extensions")  # it takes the same from typing
    from rtp_commands.dispatch import run

    return run(row, arguments, debug=debug)


def _screen(*, full: bool) -> int:
    from rtp_commands import screen

    print(screen.reference(rows()) if full else screen.first(rows()))
    return 0


def _help(topics: list[str], debug: bool) -> int:
    if not topics:
        return _screen(full=True)
    row = find(topics[0])
    if row is not None:
        return _dispatch(row, [*topics[1:], "--help"], debug)
    from rtp_commands import topics as pages

    text = pages.find(topics[0])
    if text is None:
        return _mistake(topics[0], "help topic", [*pages.NAMES, *(row.name for row in rows())])
    print(text)
    return 0


def _mistake(word: str, kind: str = "command", known: list[str] | None = None) -> int:
    from rtp_commands.failures import unknown_word

    names = known or [*(row.name for row in rows()), *ALIASES, "help"]
    return unknown_word(word, "flag" if word.startswith("-") else kind, names, sys.argv[1:])


def _complete(words: list[str]) -> int:
    if len(words) > 1:
        from rtp_commands.completing import complete

        return complete(words)
    typed = words[0] if words else ""
    known = [(row.name, row.help) for row in rows() if not row.hidden] + [("help", "Help on a command or a topic")]
    for name, help in known:
        if name.startswith(typed):
            print(f"{name}\t{help}")
    return 0
