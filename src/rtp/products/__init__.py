"""Products and their prices: what members can subscribe to."""
