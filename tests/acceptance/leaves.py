"""How each command's own examples are run on the filled platform: real values for placeholders, a folder per run."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import tempfile
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtp.testing import filled_bulks, filled_disputes, filled_refunds, filled_webhooks
from rtp.testing.filled import ADA, Filled
from rtp.testing.instance import RTP, clean_environment
from rtp_commands import tree
from rtp_commands.tree import Described

ELSEWHERE = {"rtp up", "rtp down", "rtp demo"}
"""Commands that make or end a platform: they have tests of their own, on platforms of their own."""
LONG = {"rtp chaos run", "rtp loadtests run"}
"""Commands that break things or run for long: here only planned, and really run by the tests of their areas."""
ALONE = {"rtp cache purge", "rtp chaos halt", "rtp sandbox reset", "rtp sandbox set"}
"""Commands that others would notice: they run when no other does."""
BEFORE = {"rtp plugins untrust": ["plugins", "trust", "rtp-slack-notices"]}
"""What must have been done in the same home before."""
ENDLESS = ("--follow",)
TEXT = {"rtp logs", "rtp completion show", "rtp ledger export"}
"""Commands whose output is text of its own kind in every format: log lines, a shell's script."""
REFUSED = {
    "rtp migrations plan --target": {7},
    "rtp migrations plan --file": {10},  # the shipped change holds up a table, and --check says so
    "rtp chaos halt": {5},  # none runs
    "rtp chaos show RUN --report": {5},  # its journal lies where it ran
    "rtp migrations apply --target": {7},  # the schema is past it
    "rtp breakers reset": {7},  # it is closed, and nothing is to be reset
    "rtp refunds retry": {0, 7},  # its card takes no refund, however often one is issued
    "rtp refunds cancel": {7},  # it was sent long ago
    "rtp doctor": {0, 10},  # what it finds on a test's machine is its own business
    "rtp webhooks endpoints test we_01J9ZK3V5W8X2Y4A6B7C8D9E0F --timeout": {7},  # the platform takes no webhook there
    "rtp slo report": {0, 10, 11},  # a verdict, not a failure
}
"""Examples that rightly end with another code than 0, by how they begin."""
SECONDS = 120
NOWHERE = "0" * 25 + "1"

Swap = dict[str, str]


def sub(filled: Filled) -> Swap:
    return {"sub_": filled.subscribed().subscription}


def cached(filled: Filled) -> Swap:
    filled.look_at_the_catalog()
    return {}


def own_endpoint(filled: Filled) -> Swap:
    return {"we_": filled_webhooks.endpoint(filled)}


MAKES: dict[str, Callable[[Filled], Swap]] = {
    "rtp cache show": cached,
    "rtp loadtests show": lambda filled: {"run_": filled.load_run()},
    "rtp chaos show": lambda filled: {"RUN": filled.ids["run"]},
    "rtp users create": lambda filled: {"grace@example.com": filled.e_mail()},
    "rtp users update": lambda filled: {ADA: filled.member()},
    "rtp users suspend": lambda filled: {ADA: filled.member()},
    "rtp users restore": lambda filled: {ADA: filled.suspended()},
    "rtp subscriptions create": lambda filled: {ADA: filled.member()},
    "rtp subscriptions cancel": sub,
    "rtp subscriptions pause": sub,
    "rtp subscriptions resume": lambda filled: {"sub_": filled.paused()},
    "rtp subscriptions renew": sub,
    "rtp payment-methods add": lambda filled: {ADA: filled.member()},
    "rtp payment-methods remove": lambda filled: {"pm_": filled.method()},
    "rtp disputes evidence": lambda filled: {"dsp_": filled_disputes.dispute(filled)},
    "rtp disputes accept": lambda filled: {"dsp_": filled_disputes.dispute(filled)},
    "rtp reconcile aside close": lambda filled: {"ras_": filled_disputes.aside(filled)},
    "rtp sandbox dispute": lambda filled: {"pay_": filled.subscribed().payment},
    "rtp refunds issue": lambda filled: {"pay_": filled.subscribed().payment},
    "rtp refunds bulk plan": lambda filled: {"refunds.csv": filled_bulks.file(filled)},
    "rtp refunds bulk apply": lambda filled: {"bulk_": filled_bulks.plan(filled)},
    "rtp refunds bulk show": lambda filled: {"bulk_": filled_bulks.applied(filled)},
    "rtp refunds bulk export": lambda filled: {"bulk_": filled_bulks.applied(filled)},
    "rtp refunds bulk cancel": lambda filled: {"bulk_": filled_bulks.plan(filled)},
    "rtp sagas show": lambda filled: {"saga_": filled_bulks.saga(filled)},
    "rtp sagas retry": lambda filled: {"saga_": filled_bulks.saga(filled)},
    "rtp sagas cancel": lambda filled: {"saga_": filled_bulks.saga(filled)},
    "rtp refunds preview": lambda filled: {"pay_": filled.subscribed().payment},
    "rtp refunds approve": lambda filled: {"rfd_": filled_refunds.waiting(filled)},
    "rtp refunds reject": lambda filled: {"rfd_": filled_refunds.waiting(filled)},
    "rtp refunds retry": lambda filled: {"rfd_": filled_refunds.failed(filled)},
    "rtp jobs retry": lambda filled: {"job_": filled.dead_job()},
    "rtp webhooks endpoints create": lambda _: {"https://hooks.example.com/rtp": "https://hooks.invalid/rtp"},
    "rtp webhooks endpoints update": own_endpoint,
    "rtp webhooks endpoints rotate": own_endpoint,
    "rtp webhooks endpoints disable": own_endpoint,
    "rtp webhooks endpoints delete": own_endpoint,
    "rtp webhooks endpoints test": own_endpoint,
    "rtp webhooks endpoints enable": lambda filled: {"we_": filled_webhooks.endpoint(filled, disabled=True)},
    "rtp webhooks resend": lambda filled: {"evt_": filled_webhooks.sent_event(filled)},
    "rtp webhooks received retry": lambda filled: {"whr_": filled.webhook()},
    "rtp plans apply": lambda filled: {"plan_": filled.plan()},
    "rtp staff create": lambda filled: {"grace@example.com": filled.e_mail()},
    "rtp staff disable": lambda filled: {"grace@example.com": filled.colleague()},
    "rtp tokens revoke": lambda filled: {"tok_": filled.token().id},
}
"""What an example that changes something is given: things of its own, so that runs do not meet."""


@dataclass(frozen=True)
class Run:
    """A finished command."""

    words: list[str]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"{shlex.join(self.words)} ended with {self.code}\n{self.out[:1500]}\n{self.err[:1500]}"


def commands() -> list[Described]:
    """The leaves that are run here."""
    return [one for one in tree.describe() if one.path not in ELSEWHERE]


def examples(command: Described) -> list[str]:
    """Its examples that come to an end."""
    ending = [one for one in command.examples if not any(word in one for word in ENDLESS)]
    return [one for one in ending if "--dry-run" in one] if command.path in LONG else ending


def expected(example: str) -> set[int]:
    """The exit codes that an example may end with."""
    return next((codes for start, codes in REFUSED.items() if example.startswith(start)), {0})


def words_of(command: Described, example: str, filled: Filled) -> list[str]:
    """The example as it is typed, with real values."""
    makes = MAKES.get(command.path)
    swap = makes(filled) if makes else {}
    return [_real(word, swap, filled) for word in shlex.split(example)]


def _real(word: str, swap: Swap, filled: Filled) -> str:
    if word in swap:
        return swap[word]
    if word.startswith("http://127.0.0.1"):
        return filled.platform.url
    found = re.fullmatch(r"([a-z]+)_([0-9A-Z]{26}|42)", word)
    return (swap.get(f"{found[1]}_") or filled.ids[found[1]]) if found else word


def wrong(command: Described, filled: Filled) -> list[str]:
    """The first example with a value that cannot be: its argument, else a choice or value of its own, else a flag."""
    words = words_of(command, examples(command)[0], filled)
    start = len(command.path.split())
    if start < len(words) and not words[start].startswith("-"):
        return [*words[:start], _impossible(words[start]), *words[start + 1 :]]
    own = [flag for flag in command.flags if not flag.shared and flag.kind == "option"]
    known = next((flag for flag in own if flag.names and flag.choices), None)
    if known is not None:
        return [*words, known.names[0], "impossible"]
    return [*words, *(["--since", "impossible"] if command.kind == "list" else ["-o", "impossible"])]


def _impossible(word: str) -> str:
    if found := re.fullmatch(r"([a-z]+)_[0-9A-Z]{13,26}", word):
        return f"{found[1]}_{NOWHERE[-len(word.partition('_')[2]) :]}"
    if word.startswith("job_"):
        return "job_999999999"
    if "@" in word:
        return "nobody at example.com"
    return "im/possible.value"


def in_format(words: list[str], format: str) -> list[str]:
    """The same command with another output format."""
    kept = list(words)
    for flag in ("-o", "--output"):
        while flag in kept:
            at = kept.index(flag)
            del kept[at : at + 2]
    return [*kept, "-o", format]


def run(filled: Filled, words: list[str], *, terminal: bool = False) -> Run:
    """Run a command in a folder and a home of its own, its output read from a pipe or from a terminal of 80 columns."""
    with tempfile.TemporaryDirectory(prefix="rtp-leaf-") as place:
        folder = Path(place)
        env = _prepared(folder, filled)
        command = [RTP, *words[1:]]
        if before := BEFORE.get(" ".join(words[:3])):
            subprocess.run([RTP, *before], cwd=folder, env=env, check=True, capture_output=True, timeout=SECONDS)
        if terminal:
            return _in_terminal(command, words, folder, env)
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
        return Run(words, done.returncode, done.stdout, done.stderr)


def _prepared(folder: Path, filled: Filled) -> dict[str, str]:
    (folder / "examples").symlink_to(filled.platform.folder / "examples")
    token = folder / "token.txt"
    token.touch(mode=0o600)
    token.write_text(filled.platform.token)
    env = clean_environment(folder) | {"RTP_HOME": str(filled.platform.home)}
    journal = folder / "config" / "journal"
    journal.parent.mkdir(mode=0o700)
    journal.symlink_to(filled.platform.folder / "config" / "journal")
    contexts = folder / "config" / "contexts"
    contexts.mkdir(mode=0o700)
    (contexts / "old.json").write_text('{"name": "old", "url": "http://127.0.0.1:9", "token": "rtp_old"}')
    return env


def _in_terminal(command: list[str], words: list[str], folder: Path, env: dict[str, str]) -> Run:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=env | {"TERM": "xterm-256color"}, stdin=subprocess.DEVNULL, stdout=follower,
            stderr=err,
        )  # fmt: skip
        os.close(follower)
        chunks = []
        while chunk := _read(leader):
            chunks.append(chunk)
        os.close(leader)
        code = process.wait(timeout=SECONDS)
        err.seek(0)
        return Run(words, code, b"".join(chunks).decode(), err.read())


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # the terminal's other end is closed
        return b""
