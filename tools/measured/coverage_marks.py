"""Which lines and branches of our packages run, in every process of a test run, at the price of a store per statement.

Python 3.11 can only trace all code or none, which makes the libraries under us three times slower. Here each statement
of our own modules is preceded by `marks[i] = 1`, where `marks` is a file mapped into memory and shared by all
processes: a fork, an `os._exit` and a SIGKILL lose nothing, and there is nothing to merge. `tools.measure` hands the
marks to coverage.py, which knows what could have run and writes the report.

Every process of the run imports this first, so it imports next to nothing itself.
"""

from __future__ import annotations

import marshal
import mmap
import os
from importlib.machinery import SourceFileLoader
from importlib.util import source_hash
from types import CodeType

PACKAGES = ("src/rtp/", "server/rtp_server/", "commands/rtp_commands/")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")) + os.sep


def begin(folder: str) -> None:
    """Measure what this process imports from now on, into files of this folder."""
    original = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        path = os.path.abspath(loader.path)
        ours = path.startswith(ROOT) and path[len(ROOT) :].startswith(PACKAGES)
        return code(path, folder) if ours else original(loader, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]


def opened(file: str, count: int) -> mmap.mmap:
    """The marks of one module, shared by all processes of the run; its first statement asks for them."""
    number = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(number, count)
        return mmap.mmap(number, count)
    finally:
        os.close(number)


def file_of(path: str, source: bytes, folder: str) -> str:
    """A module's file of marks: another text is another module."""
    return os.path.join(folder, source_hash(os.fsencode(path) + b"\0" + source).hex() + ".marks")


def code(path: str, folder: str) -> CodeType:
    """The marked bytecode, compiled once in a run."""
    with open(path, "rb") as file:
        source = file.read()
    marks = file_of(path, source, folder)
    try:
        with open(marks + ".code", "rb") as file:
            found: CodeType = marshal.load(file)
            return found
    except FileNotFoundError:
        return _compiled(path, source, marks)


def _compiled(path: str, source: bytes, marks: str) -> CodeType:
    from coverage_marker import marked  # type: ignore[import-not-found]  # beside us, on the path of the run only

    made: CodeType = compile(marked(source, path, marks)[0], path, "exec", dont_inherit=True)
    partial = f"{marks}.{os.getpid()}"
    with open(partial, "wb") as file:
        marshal.dump(made, file)
    os.replace(partial, marks + ".code")  # another process may be reading it
    return made
