"""Entitlements: which products are open to a member, since when, until when, and why."""
