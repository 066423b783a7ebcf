"""Audit: who did what for whom and why; one row a write, append-only."""
