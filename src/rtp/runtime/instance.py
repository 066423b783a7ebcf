"""The instance folder: where everything of one instance lies, and who may read it."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from pathlib import Path
from typing import Literal

import msgspec

from rtp.runtime import errors
from rtp.settings import Settings

FORMAT = 1
UNIX_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = len("/postgres/.s.PGSQL.5432.lock")
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes behind one socket keep their counts, for each to tell those of all; the client library's name."""


class InstanceFile(msgspec.Struct, kw_only=True):
    """`instance.json`: what stays the same from one start to the next."""

    format: int = FORMAT
    environment: Literal["dev", "staging", "prod"] = msgspec.field(name="class", default="dev")
    created: str = ""
    port: int = 0
    demo: bool = False
    pg_major: int = 0
    pg_bin: str = ""
    pg_data: str = ""
    """Folder of the database when it is not data/postgres: root's data under another account."""
    pg_account: str = ""


class Secrets(msgspec.Struct, kw_only=True):
    """Passwords of the two database roles, the key that signs cursors, and the local owner's token."""

    owner_password: str
    app_password: str
    signing_key: str


class _Where(msgspec.Struct):
    socket: str = ""


class Instance:
    """Paths and files of one instance; making it touches nothing, `prepare` creates the folders."""

    def __init__(self, settings: Settings) -> None:
        self.home = settings.home_folder()
        self.name = self.home.name
        self.data = self.home / "data"
        self.logs = self.home / "logs"
        self.reports = self.home / "reports"
        self.run = self.home / "run"
        self.file = self.home / "instance.json"
        self.secrets_file = self.home / "secrets.json"
        self.token_file = self.home / "token"
        self.state_file = self.run / "state.json"
        self.lock_file = self.run / "supervisor.lock"
        self.metrics = self.run / "metrics"
        self.workers_file = self.run / "workers.json"

    @property
    def socket_folder(self) -> Path:
        """Folder of the sockets: the last start's while it is there, else the one that the next start will use."""
        recorded = self._recorded_socket()
        return recorded.parent if recorded and recorded.parent.is_dir() else socket_folder(self.home)

    @property
    def socket(self) -> Path:
        """The API's unix socket."""
        return self._recorded_socket() or self.socket_folder / "api.sock"

    @property
    def exists(self) -> bool:
        """Whether an instance was created here."""
        return self.file.exists()

    def _recorded_socket(self) -> Path | None:
        try:
            where = msgspec.json.decode(self.state_file.read_bytes(), type=_Where)
        except (OSError, msgspec.DecodeError):
            return None
        return Path(where.socket) if where.socket else None

    def prepare(self, *, environment: Literal["dev", "staging", "prod"] = "dev", demo: bool = False) -> InstanceFile:
        """Create what is missing, private to this user, and return `instance.json`.

        Raises: HomeNotWritable, DiskFull, FolderNotPrivate, InstanceDamaged.
        """
        try:
            self._make_home()
            for folder in (self.data, self.logs, self.reports, self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            if not self.exists:
                created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                self.write(InstanceFile(environment=environment, created=created, demo=demo))
            if not self.secrets_file.exists():
                write_private(self.secrets_file, msgspec.json.encode(_new_secrets()))
            if not self.token_file.exists():
                write_private(self.token_file, _new_token().encode() + b"\n")
        except OSError as error:
            raise errors.unwritable(self.home, error) from error
        return self.read()

    def _make_home(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self.home, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "permission denied")
        mine = self.home.stat().st_uid == os.geteuid()
        if mine and (self.exists or not any(self.home.iterdir())):
            self.home.chmod(0o700)

    def read(self) -> InstanceFile:
        """`instance.json`.

        Raises: InstanceDamaged.
        """
        try:
            found = msgspec.json.decode(self.file.read_bytes(), type=InstanceFile)
        except (OSError, msgspec.DecodeError) as error:
            raise errors.InstanceDamaged(path=self.file, why=error) from error
        if found.format != FORMAT:
            raise errors.InstanceDamaged(path=self.file, why=f"its format is {found.format}, this rtp reads {FORMAT}")
        return found

    def write(self, content: InstanceFile) -> None:
        """Replace `instance.json` atomically."""
        write_private(self.file, msgspec.json.format(msgspec.json.encode(content)) + b"\n")

    def secrets(self) -> Secrets:
        """The instance's secrets.

        Raises: InstanceDamaged.
        """
        try:
            return msgspec.json.decode(self.secrets_file.read_bytes(), type=Secrets)
        except (OSError, msgspec.DecodeError) as error:
            raise errors.InstanceDamaged(path=self.secrets_file, why=error) from error

    def workers(self) -> list[int]:
        """What the queue calls the workers that were started here last; none where there were none."""
        try:
            return msgspec.json.decode(self.workers_file.read_bytes(), type=list[int])
        except (OSError, msgspec.DecodeError):
            return []

    def note_workers(self, numbers: list[int]) -> None:
        """Keep what the queue calls the workers started here: others may work on the same database."""
        for folder in (self.home, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.workers_file, msgspec.json.encode(numbers))

    def token(self) -> str:
        """The local owner's API token, empty where there is no instance."""
        try:
            return self.token_file.read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""


def socket_folder(home: Path) -> Path:
    """Where the sockets of an instance lie: a unix path ends at 108 bytes, so never below a deep instance folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_private(Path(runtime)):
        folder = Path(runtime) / f"rtp-{digest(home)}"
        if len(os.fsencode(folder)) + LONGEST_SOCKET_NAME <= UNIX_PATH_LIMIT:
            return folder
    return account_sockets(home, os.geteuid())


def account_sockets(home: Path, uid: int) -> Path:
    """Where PostgreSQL's socket lies if it runs under another account than we do."""
    return Path("/tmp") / f"rtp-{uid}-{digest(home)}"  # noqa: S108 - owner and mode are verified


def digest(home: Path) -> str:
    """A short name for an instance folder, however long its path."""
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]


def private_folder(path: Path, *, uid: int | None = None) -> Path:
    """Create a folder that only its owner may enter, or verify that it is one.

    Raises: FolderNotPrivate.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise errors.FolderNotPrivate(path=path, why="it is not a folder") from error
    if not _is_private(path, uid=uid):
        info = path.lstat()
        raise errors.FolderNotPrivate(path=path, why=f"owner {info.st_uid}, mode {stat.S_IMODE(info.st_mode):04o}")
    return path


def _is_private(path: Path, *, uid: int | None = None) -> bool:
    try:
        info = path.lstat()
    except OSError:
        return False
    owners = {os.geteuid()} if uid is None else {os.geteuid(), uid}
    return stat.S_ISDIR(info.st_mode) and info.st_uid in owners and not info.st_mode & 0o077


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 atomically and durably."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _new_secrets() -> Secrets:
    return Secrets(
        owner_password=secrets.token_urlsafe(24),
        app_password=secrets.token_urlsafe(24),
        signing_key=secrets.token_urlsafe(32),
    )


def _new_token() -> str:
    return "rtp_" + secrets.token_urlsafe(32)
