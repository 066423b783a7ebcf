"""`rtp completion`: the scripts that let a shell complete commands, flags and values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from rtp_commands.call import Call, Listing, Result, local
from rtp_commands.errors import Usage

app = typer.Typer()
Shell = Annotated[
    Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish; default: yours.")
]
MARK = "# rtp completion"

BASH = """_rtp_complete() {
    local line=${COMP_LINE:0:COMP_POINT} IFS=$' \\t\\n' words current prefix
    read -r -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]} prefix=""
    # bash splits words at @ and : itself; what it already holds must not be given twice
    [[ $current == *"${COMP_WORDS[COMP_CWORD]}" ]] && prefix=${current%"${COMP_WORDS[COMP_CWORD]}"}
    IFS=$'\\n'
    COMPREPLY=($(_RTP_COMPLETE=1 rtp "${words[@]:1}" 2>/dev/null | cut -f1))
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
}
complete -o default -F _rtp_complete rtp
"""
ZSH = """#compdef rtp
_rtp_complete() {
    local -a found
    local line
    while IFS=$'\\t' read -r value help; do
        found+=("${value//:/\\\\:}${help:+:$help}")
    done < <(_RTP_COMPLETE=1 rtp "${(@)words[2,$CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then _describe 'rtp' found; else _files; fi
}
compdef _rtp_complete rtp
"""
FISH = """function __rtp_complete
    set -l words (commandline -opc) (commandline -ct)
    _RTP_COMPLETE=1 rtp $words[2..-1] 2>/dev/null
end
complete -c rtp -f -a '(__rtp_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


class Value(msgspec.Struct):
    """One value for completion."""

    id: str


class Installed(msgspec.Struct, kw_only=True):
    """Where the script of a shell was written."""

    shell: str
    path: str


@app.command()
@local()
def show(call: Call, shell: Shell = "bash") -> None:
    """Print the completion script of a shell.

    Examples:
        rtp completion show bash
        rtp completion show zsh
    """
    call.output.write(SCRIPTS[shell])


@app.command()
@local(side_effects="writes the script to your home folder, and a line to .bashrc or .zshrc")
def install(call: Call, shell: Shell = "bash") -> Result:
    """Install completion for your shell; doing it again changes nothing.

    Examples:
        rtp completion install bash
    """
    home = Path(os.environ.get("HOME", ""))
    if not home.is_absolute():
        raise Usage(what="HOME is not set, so there is no place for the script")
    try:
        path = _install(home, shell)
    except OSError as error:
        raise Usage(what=f"{error.filename} cannot be written: {error.strerror}") from error
    return Result(
        Installed(shell=shell, path=str(path)), said=f"Installed. It works in the next {shell} that you open."
    )


@app.command()
@local(columns=("id",))
def values(
    call: Call,
    kind: Annotated[Literal["users", "prices", "contexts"], typer.Argument(metavar="KIND", help="What of.")],
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="How it begins.")] = "",
) -> Listing[Value]:
    """List what a value may be: e-mails, prices, contexts; quick, and silent when no server answers.

    Examples:
        rtp completion values users ada
        rtp completion values contexts
    """
    from rtp_commands.suggest import values as found

    return Listing(iter([[Value(value) for value in found(kind, prefix)]]), {})


def _install(home: Path, shell: str) -> Path:
    if shell == "fish":
        path = home / ".config" / "fish" / "completions" / "rtp.fish"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FISH)
        return path
    path = home / ".local" / "share" / "rtp-completion" / f"rtp.{shell}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPTS[shell])
    start = home / f".{shell}rc"
    text = start.read_text() if start.exists() else ""
    if MARK not in text:
        with start.open("a") as file:
            file.write(f'\n. "{path}"  {MARK}\n')
    return path
