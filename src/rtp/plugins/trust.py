"""The trust file, and the check of a plugin's files against it.

Only this file says what a plugin adds: installed distributions are never scanned to run a command or to start a server.
Its first lines hold the command groups, one a line, so that the first screen can read them without a JSON parser.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from rtp.plugins import verified
from rtp.plugins.errors import PluginChanged, PluginNotTrusted, TrustFileUnsafe
from rtp.plugins.schemas import Group, Trusted, TrustFile
from rtp.runtime.instance import write_private
from rtp.settings import config_folder

NAME = "plugins.json"
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def path(env: Mapping[str, str]) -> Path:
    """Where the trusted plugins of this user are listed."""
    return config_folder(env) / NAME


def read(env: Mapping[str, str]) -> TrustFile:
    """The trusted plugins; none when there is no file.

    Raises: TrustFileUnsafe when somebody else could have written it, or when it is damaged.
    """
    file = path(env)
    try:
        with file.open("rb") as opened:
            _require_private(file, os.fstat(opened.fileno()))
            return msgspec.json.decode(opened.read(), type=TrustFile)
    except FileNotFoundError:
        return TrustFile()
    except msgspec.MsgspecError as error:
        raise TrustFileUnsafe(path=file, why=f"is damaged: {error}", fix=f"rm {file}") from error


def write(env: Mapping[str, str], content: TrustFile) -> None:
    """Replace the trust file in one step; only its owner may read and write it."""
    file = path(env)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    groups = b",\n".join(msgspec.json.encode(group) for group in content.groups)
    plugins = msgspec.json.format(msgspec.json.encode(content.plugins))
    write_private(file, b'{"groups":[\n' + groups + b'\n],\n"plugins":' + plugins + b"}\n")


def put(env: Mapping[str, str], plugin: Trusted, groups: list[Group]) -> None:
    """Trust a plugin as it is now, instead of how it was trusted before."""
    known = read(env)
    known.plugins = [one for one in known.plugins if one.distribution != plugin.distribution] + [plugin]
    known.groups = [one for one in known.groups if one.distribution != plugin.distribution] + groups
    write(env, known)


def remove(env: Mapping[str, str], distribution: str) -> None:
    """Trust a plugin no longer.

    Raises: PluginNotTrusted.
    """
    known = read(env)
    of(known, distribution)
    known.plugins = [one for one in known.plugins if one.distribution != distribution]
    known.groups = [one for one in known.groups if one.distribution != distribution]
    write(env, known)


def of(known: TrustFile, distribution: str) -> Trusted:
    """One trusted plugin.

    Raises: PluginNotTrusted.
    """
    for plugin in known.plugins:
        if plugin.distribution == distribution:
            return plugin
    raise PluginNotTrusted(noun="plugin", key=distribution)


def admit(env: Mapping[str, str], distribution: str) -> Trusted:
    """Check every file of a trusted plugin, and from then on let its modules be imported as they were trusted.

    Raises: PluginNotTrusted, PluginChanged with the file's name, TrustFileUnsafe.
    """
    plugin = of(read(env), distribution)
    check(plugin)
    verified.install(plugin)
    return plugin


def check(plugin: Trusted) -> None:
    """Compare every file with what was trusted.

    Raises: PluginChanged with the name of the first file that is changed, gone or new.
    """
    for name, digest in plugin.files.items():
        found = sha256(name)
        if found is None:
            raise PluginChanged(plugin=plugin.distribution, path=name, how="is gone")
        if found != digest:
            raise PluginChanged(plugin=plugin.distribution, path=name, how="was changed")
    for root in plugin.roots:
        for name in files_below(root):
            if name not in plugin.files:
                raise PluginChanged(plugin=plugin.distribution, path=name, how="was added")


def require_module(distribution: str, module: str) -> None:
    """Say so when this Python does not find a plugin's module: it was trusted for another environment.

    Raises: PluginChanged.
    """
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise PluginChanged(plugin=distribution, path=module, how=f"is not installed for {sys.executable}")


def sha256(name: str) -> str | None:
    """The hash of a file's content; None when it cannot be read."""
    try:
        with open(name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def files_below(root: str) -> Iterator[str]:
    """Every file below a folder but bytecode, which is never used (see verified)."""
    for folder, folders, names in os.walk(root):
        yield from (os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name)))
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (os.path.join(folder, name) for name in sorted(names))


def _require_private(file: Path, info: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if info.st_uid not in (os.geteuid(), 0):
        raise TrustFileUnsafe(path=file, why=f"belongs to user {info.st_uid}", fix=f"rm {file}")
    if info.st_mode & OTHERS_MAY_WRITE:
        raise TrustFileUnsafe(path=file, why="can be written by others", fix=f"chmod 600 {file}")
