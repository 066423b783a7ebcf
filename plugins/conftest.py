"""The platform's fixtures, for the tests of all plugins in this folder."""

pytest_plugins = ["rtp.testing.plugin"]
