"""Payments: what members paid, and the provider behind it."""
