"""Disputes: what cardholders object to at their bank, how it is answered, and how it ends."""
