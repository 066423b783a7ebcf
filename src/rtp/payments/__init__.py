"""Payments: money taken from members' cards, and the provider that takes it."""
