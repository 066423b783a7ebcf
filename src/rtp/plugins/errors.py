"""What can be wrong with a plugin."""

from __future__ import annotations

from rtp.errors import Conflict, ExitCode, NotFound, RtpError


class PluginNotInstalled(NotFound):
    """No plugin {key} is installed. Installed are: {known}."""

    hint = "rtp plugins list"


class PluginNotTrusted(NotFound):
    """The plugin {key} is not trusted."""

    hint = "rtp plugins trust {key}"
    still = "Nothing of it was run."


class PluginChanged(Conflict):
    """The plugin {plugin} is not what was trusted: {path} {how}."""

    hint = "look at the change, then: rtp plugins trust {plugin}"
    still = "Nothing of it was run."


class PluginUnfit(Conflict):
    """The plugin {plugin} cannot be taken in: {why}."""

    hint = "rtp plugins list"
    still = "Nothing of it was added."


class TrustFileUnsafe(RtpError):
    """The list of trusted plugins {path} {why}."""

    status = 403
    exit_code = ExitCode.NOT_ALLOWED
    hint = "{fix}"
    still = "No plugin was run."


class PluginFailed(RtpError):
    """The plugin {plugin} failed in {what}: {why}."""
