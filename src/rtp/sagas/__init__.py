"""Sagas: work in several steps, each done once, undone in reverse before its point of no return."""
