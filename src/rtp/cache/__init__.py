"""The cache: what was read from the database lately, in Valkey, shared by all processes and dropped by events."""
