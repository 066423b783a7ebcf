"""Invariants of money: what must hold at every moment, looked at from outside the code that keeps it."""
