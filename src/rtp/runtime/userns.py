"""Running PostgreSQL where we are root, which it refuses: a user namespace, else another account."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass

from rtp.runtime import errors

ACCOUNTS = ("nobody", "daemon")


@dataclass(frozen=True)
class Launcher:
    """How a program is started: `prefix` goes before its command line, `account` runs it if given."""

    prefix: tuple[str, ...] = ()
    account: str = ""

    @property
    def uid(self) -> int:
        """User id that the program's files must belong to."""
        return pwd.getpwnam(self.account).pw_uid if self.account else os.geteuid()

    @property
    def gid(self) -> int:
        """Group id that the program's files must belong to."""
        return pwd.getpwnam(self.account).pw_gid if self.account else os.getegid()


def launcher() -> Launcher:
    """The first way that really works here.

    As an ordinary user that is directly. As root: a namespace that maps us to nobody; a namespace without a map, which
    is what remains to a root without capabilities (it cannot map user 0); another account, where seccomp forbids
    namespaces, as in a default container.

    Raises: RootCannotRunPostgres.
    """
    if os.geteuid() != 0 and _has_account(os.geteuid()):
        return Launcher()
    for prefix in _namespaces():
        if _works(prefix):
            return Launcher(prefix)
    account = _account() if os.geteuid() == 0 else ""
    if account:
        return Launcher(account=account)
    raise errors.RootCannotRunPostgres(why="unshare --user is forbidden and no account can be switched to")


def _namespaces() -> list[tuple[str, ...]]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    ways: list[tuple[str, ...]] = [(unshare, "--user")]
    if (account := _nobody()) is not None:
        ways.insert(0, (unshare, "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}"))
    return ways


def _works(prefix: tuple[str, ...]) -> bool:
    """initdb asks for the name of its user, so the number inside must have one."""
    try:
        answer = subprocess.run([*prefix, "id", "-u"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    uid = answer.stdout.strip()
    return answer.returncode == 0 and uid.isdigit() and uid != "0" and _has_account(int(uid))


def _account() -> str:
    account = _nobody()
    if account is None:
        return ""
    try:
        answer = subprocess.run(["/bin/true"], user=account.pw_uid, group=account.pw_gid, extra_groups=[], timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return account.pw_name if answer.returncode == 0 else ""


def _nobody() -> pwd.struct_passwd | None:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
