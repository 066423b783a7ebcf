"""The command groups of trusted plugins, read from the first lines of the trust file alone.

A JSON parser would cost as much as the rest of the first screen. Whoever wrote the file, `rtp.plugins.trust`, keeps one
group a line; a line with an escape in it is the only one that needs the parser.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from stat import S_IWGRP, S_IWOTH

from rtp_commands.here import config_folder
from rtp_commands.main import ALIASES, TABLE, Row


def rows(env: Mapping[str, str]) -> list[Row]:
    """A row per group; none when the file could have been written by somebody else, which `rtp plugins list` tells."""
    try:
        with open(os.path.join(config_folder(env), "plugins.json"), encoding="utf-8") as file:
            info = os.fstat(file.fileno())
            if info.st_uid not in (os.geteuid(), 0) or info.st_mode & (S_IWGRP | S_IWOTH):
                return []
            taken = {row.name for row in TABLE} | ALIASES.keys() | {"help"}
            found = []
            for line in file:
                if line.startswith("]"):
                    break
                if line.startswith("[") and (row := _row(line)) is not None and row.name not in taken:
                    found.append(row)
            return found
    except (OSError, UnicodeDecodeError):
        return []


def _row(line: str) -> Row | None:
    words = line.split('"')[1::2]
    if "\\" in line:
        import json

        try:
            words = json.loads(line.strip().rstrip(","))
        except ValueError:
            return None
    if len(words) != 4:
        return None
    name, module, distribution, help = words
    return Row(name, module, help, "Plugins", plugin=distribution)
