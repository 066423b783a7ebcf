"""Migrations: which there are, which are applied, and bringing a database up."""
