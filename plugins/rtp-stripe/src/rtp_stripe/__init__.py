"""Stripe as the payment provider: a plugin of rtp."""
