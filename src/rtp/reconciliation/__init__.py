"""Reconciliation: the provider's record and ours compared in both directions, and mended by a plan only."""
