"""Alembic's folder: its environment and the versions."""
