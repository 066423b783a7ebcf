"""`python -m rtp.runtime.tied --home HOME MODULE …` runs a module that ends when its parent does.

The command line names the instance, so that what a killed supervisor left is found again.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36


def end_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `number` when `parent` ends; exit at once if it already has."""
    _prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(143)


def name_process(name: str) -> None:
    """The name that ps and top show, at most 15 bytes."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _prctl(PR_SET_NAME, ctypes.addressof(buffer))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none stays a zombie."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def words(home: str) -> tuple[str, ...]:
    """The words that the command lines of an instance's tied processes share."""
    return ("rtp.runtime.tied", "--home", home)


def main() -> None:
    """Tie this process to its parent, then become the module."""
    _, _home, parent, module, *rest = sys.argv[1:]
    end_with_parent(int(parent))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
