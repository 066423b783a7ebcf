"""Webhooks: the events that providers send to us, and those that we send to others."""
