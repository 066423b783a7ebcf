"""Plugins: which installed distributions are trusted, and what they add through hooks."""
