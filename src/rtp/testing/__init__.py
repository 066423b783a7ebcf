"""Fixtures for rtp's own tests and for plugin authors: `pytest_plugins = ["rtp.testing.plugin"]` in a conftest."""
