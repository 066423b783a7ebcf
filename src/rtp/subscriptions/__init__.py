"""Subscriptions: what a member pays for again and again, from trial to end."""
