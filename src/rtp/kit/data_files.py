"""Data that ships with rtp and that people add to: experiments, load tests, SLOs.

A name is looked for in the working folder first, then in the instance folder, then among the shipped files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Source = Literal["working folder", "instance", "shipped", "path"]
SHIPPED = {"experiments": "experiments", "loadtests": "loadtests", "slos": "examples/slos"}
"""Where the files of each kind ship, below the root of the data."""


class NoSuchFile(LookupError):
    """No file of this name; `known` are the names that there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.known = known


@dataclass(frozen=True)
class DataFile:
    """One file by its name, which is the file name without suffix."""

    name: str
    path: Path
    source: Source


def shipped_root() -> Path:
    """Where the data lies: inside the installed package, in a checkout beside `src`."""
    package = Path(__file__).resolve().parents[1]
    return package / "data" if (package / "data").is_dir() else package.parents[1]


def example(path: Path) -> Path:
    """A path as it is, or the shipped example that it names where there is no such file (`examples/catalog.yaml`)."""
    shipped = shipped_root() / path
    return shipped if path.parts[:1] == ("examples",) and not path.exists() and shipped.is_file() else path


def folders(kind: str, home: Path, cwd: Path | None = None) -> list[tuple[Source, Path]]:
    """The folders of a kind, in the order in which they are searched."""
    return [
        ("working folder", (cwd or Path.cwd()) / kind),
        ("instance", home / kind),
        ("shipped", shipped_root() / SHIPPED[kind]),
    ]


def listed(
    kind: str, home: Path, suffixes: Sequence[str], cwd: Path | None = None, *, sources: Sequence[Source] = ()
) -> list[DataFile]:
    """Every file of a kind, by name; where two have the same name, the one that is found first.

    With `sources` only those are searched: a server has no working folder to speak of.
    """
    found: dict[str, DataFile] = {}
    wanted = [one for one in folders(kind, home, cwd) if not sources or one[0] in sources]
    for source, folder in wanted:
        for path in sorted(folder.glob("*")) if folder.is_dir() else []:
            if path.suffix in suffixes and path.is_file() and not path.name.startswith(("_", ".")):
                found.setdefault(path.stem, DataFile(path.stem, path, source))
    return [found[name] for name in sorted(found)]


def find(kind: str, wanted: str, home: Path, suffixes: Sequence[str], cwd: Path | None = None) -> DataFile:
    """The file of a name, or of a path: what has a slash or one of the suffixes is a path if it is there.

    Raises: NoSuchFile.
    """
    path = (cwd or Path.cwd()) / Path(wanted).expanduser()
    if ("/" in wanted or path.suffix in suffixes) and path.is_file():
        return DataFile(path.stem, path, "path")
    known = listed(kind, home, suffixes, cwd)
    for file in known:
        if wanted in (file.name, file.path.name):
            return file
    raise NoSuchFile(wanted, [file.name for file in known])
