"""Refunds: money that goes back to the card it came from."""
