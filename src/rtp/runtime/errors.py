"""What can go wrong between `rtp up` and a healthy instance."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from rtp.errors import Conflict, ExitCode, InvalidInput, NotAllowed, NotFound, RtpError, Unavailable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NEEDED_TO_RUN_MB = 20
"""Less is not enough for PostgreSQL to write one more segment of its log."""


class HomeNotWritable(NotAllowed):
    """The instance folder {path} cannot be written: {why}."""

    hint = "RTP_HOME=FOLDER rtp up, with a folder that you own"
    still = "Nothing was started."


class FolderNotPrivate(NotAllowed):
    """The folder {path} belongs to someone else or is open to others ({why})."""

    hint = "ls -ld {path}; remove it or make it yours with mode 0700"
    still = "Nothing was started."


class InstanceDamaged(RtpError):
    """The file {path} of this instance cannot be read: {why}."""

    hint = "Restore {path} from a backup, or start another instance: RTP_HOME=FOLDER rtp up"
    still = "Nothing was started."


class DiskFull(RtpError):
    """The disk that holds {path} is full: {free_mb} MB are free, {needed_mb} MB are needed."""

    hint = "df -h {path}"
    still = "Nothing was written."


def unwritable(path: Path, error: OSError) -> RtpError:
    """What to say of a folder that cannot be written: no right to it makes a full disk emptier."""
    if error.errno in FULL:
        there = next(one for one in (path, *path.parents) if one.exists())
        free_mb = shutil.disk_usage(there).free // 1_000_000
        return DiskFull(path=path, free_mb=free_mb, needed_mb=NEEDED_TO_RUN_MB)
    return HomeNotWritable(path=path, why=error.strerror or error)


class PortTaken(Conflict):
    """Port {port} on 127.0.0.1 is in use by another program."""

    hint = "ss -ltnp 'sport = :{port}'; or choose another port: RTP_PORT=0 rtp up"
    still = "Nothing was started."


class ProviderMissing(NotAllowed):
    """This instance is of class prod and names no payment provider; the sandbox takes no real money."""

    hint = "RTP_PROVIDER_URL=URL rtp up, with the URL of a real provider"
    still = "Nothing was started."


class BinaryMissing(RtpError):
    """The program {name} is missing: looked in {where}."""

    hint = "{way_out}"
    still = "Nothing was started."


class OtherMajorVersion(Conflict):
    """The data in {data} is of PostgreSQL {was}, the programs in {bin} are PostgreSQL {found}."""

    hint = "RTP_PG_BIN=FOLDER_WITH_POSTGRESQL_{was} rtp up, then move the data with pg_dump"
    still = "Nothing was started; the data is untouched."


class RootCannotRunPostgres(NotAllowed):
    """PostgreSQL refuses to run as root, and neither a user namespace nor another account can be used: {why}."""

    hint = "Run rtp as an ordinary user, or set RTP_DATABASE_URL and RTP_DATABASE_OWNER_URL"
    still = "Nothing was started."


class InitFailed(RtpError):
    """The database could not be created in {data}: {why}"""

    hint = "rtp doctor"
    still = "The half-made folder was removed."


class ServiceDidNotStart(RtpError):
    """The service {service} did not start: {why}"""

    hint = "rtp logs {service}"
    still = "Everything that was started has been stopped again."


class DatabaseNotPrepared(RtpError):
    """The database could not be prepared: {why}"""

    hint = "rtp logs prepare"
    still = "Everything that was started has been stopped again."


class DatabaseTooNew(RtpError):
    """{why}"""

    exit_code = ExitCode.CONFLICT
    hint = "Install the version of rtp that migrated this database, or a newer one"
    still = "Nothing was changed; everything that was started has been stopped again."


class NotReadyInTime(Unavailable):
    """The instance was not ready after {seconds} s; waiting for: {waiting_for}."""

    exit_code = ExitCode.TIMED_OUT
    hint = "rtp status; rtp logs"
    still = "The instance keeps running."


class StopFailed(RtpError):
    """These processes of the instance could not be ended: {pids}."""

    hint = "ps -o pid,user,stat,args -p {pids}"


class InstanceRunning(Conflict):
    """An instance is running in {home}."""

    hint = "rtp down"


class NotRunning(Unavailable):
    """No instance is running in {home}."""

    hint = "rtp up"


class NoSuchService(NotFound):
    """There is no service {key}; there are: {known}."""

    hint = "rtp status"


class ProgramMissing(InvalidInput):
    """There is no program {program}."""

    hint = "rtp up --ephemeral -- PROGRAM ARGUMENTS"
    still = "Nothing was started."
