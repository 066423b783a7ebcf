"""rtp: run a membership business from the terminal."""

__version__ = "0.1.0"
