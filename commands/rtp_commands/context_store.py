"""Contexts on disk, one private file each, and the choice of the server that a command talks to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from rtp.client import Target
from rtp.errors import InvalidInput
from rtp.settings import Settings, config_folder
from rtp_commands.errors import InstanceMissing, NoContext, Usage

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Context(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A known server; `environment` is what it said of itself when it was last asked."""

    name: str
    url: str
    token: str = ""
    token_file: str = ""
    environment: str = ""


class Store:
    """The folder of contexts: `NAME.json` each of mode 0600, and `current`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.folder = config_folder(env) / "contexts"

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def current(self) -> str:
        """The name in use, or nothing."""
        try:
            return (self.folder / "current").read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def get(self, name: str) -> Context:
        """One context.

        Raises: NoContext, which lists the known ones.
        """
        path = self._path(name)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Context)
        except FileNotFoundError:
            raise NoContext(key=repr(name), known=", ".join(self.names()) or "none") from None
        except msgspec.MsgspecError as error:
            raise InvalidInput(what=f"{path}: {error}") from error

    def put(self, context: Context) -> None:
        """Store a context, private to this user."""
        write_private(self._path(context.name), msgspec.json.format(msgspec.json.encode(context)) + b"\n")

    def use(self, name: str) -> None:
        """Make a context the current one; an empty name goes back to the instance on this machine."""
        if name:
            write_private(self.folder / "current", name.encode() + b"\n")
        else:
            (self.folder / "current").unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Forget a context and its token."""
        self.get(name)
        self._path(name).unlink()
        if self.current() == name:
            self.use("")

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or name == "current":
            raise Usage(what=f"{name!r} is no name for a context: letters, digits, dots, - and _")
        return self.folder / f"{name}.json"


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in one step, into a folder of mode 0700."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def resolve(settings: Settings, env: Mapping[str, str], flag: str | None = None) -> Target:
    """The server to talk to: `--context`, RTP_URL, RTP_CONTEXT, the context in use, this machine's instance.

    Raises: NoContext, InstanceMissing.
    """
    store = Store(env)
    if flag:
        return _known(store, flag)
    if settings.url:
        return Target("RTP_URL", url=settings.url, token=settings.token or _from_file(settings.token_file))
    if name := settings.context or store.current():
        return _known(store, name)
    return _local(settings)


def _known(store: Store, name: str) -> Target:
    context = store.get(name)
    return Target(name, url=context.url, token=context.token or _from_file(context.token_file))


def _local(settings: Settings) -> Target:
    from rtp.runtime.instance import Instance

    instance = Instance(settings)
    socket = instance.socket
    if not socket.exists():
        raise InstanceMissing()
    return Target("local", socket=str(socket))


def _from_file(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Usage(what=f"the token file {path} cannot be read: {error.strerror}") from error
