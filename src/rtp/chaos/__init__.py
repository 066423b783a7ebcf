"""Experiments: breaking parts of an instance on purpose, and judging whether it held."""
