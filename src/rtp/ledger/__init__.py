"""The ledger: double entry, append-only; every movement of value posts once."""
