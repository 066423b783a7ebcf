"""What can go wrong with migrations."""

from __future__ import annotations

from rtp.errors import ExitCode, RtpError


class OwnerUrlMissing(RtpError):
    """No connection of the owning role is set, and the application's role may not change the schema."""

    status = 422
    hint = "set RTP_DATABASE_OWNER_URL to the role that owns the tables, and start again"
    still = "Nothing was changed."


class MigrationsRunning(RtpError):
    """Another process is applying migrations; waited {seconds} s for it."""

    status = 409
    retryable = True
    hint = "rtp db status"
    still = "Nothing was changed by this call."


class SchemaDirty(RtpError):
    """Migration {revision} began at {started_at} and did not end; what it left: {left}."""

    status = 409
    hint = "look at rtp db status, then rtp db apply --resume"
    still = "Nothing was changed."


class UnknownRevision(RtpError):
    """There is no migration {revision}; known are {known}."""

    status = 404
    hint = "rtp db status"
    still = "Nothing was changed."


class BehindAlready(RtpError):
    """The database is at {current}, past {target}; a migration is never undone, a mistake is mended by a new one."""

    status = 422
    still = "Nothing was changed."


class MigrationBlocked(RtpError):
    """Migration {revision} did not get its locks in {attempts} attempts of {lock_timeout_ms} ms.

    The oldest transaction is that of {holder}.
    """

    status = 409
    retryable = True
    hint = "the oldest transaction is that of {holder}; when it has ended: rtp db apply"
    still = "Migration {revision} was rolled back; those before it stay applied."


class MigrationFailed(RtpError):
    """Migration {revision} failed: {why}"""

    status = 500
    exit_code = ExitCode.REFUSED
    hint = "rtp db status"
    still = "{left}"


class SqlNotValid(RtpError):
    """Statement {number} does not run on this schema: {why}"""

    status = 400
    still = "Nothing was changed; it was tried on a copy of the schema."


class PlanNotKept(RtpError):
    """The database is empty, so there is nowhere to keep a plan."""

    status = 409
    hint = "rtp db plan shows the statements, rtp db migrate applies them"
    still = "Nothing was changed."
