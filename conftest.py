"""The platform's fixtures, for its own tests and those of the plugins in this repository."""

pytest_plugins = ["rtp.testing.plugin"]
