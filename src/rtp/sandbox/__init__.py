"""The sandbox provider as operators see it: how it misbehaves, what it tells, and disputes on demand."""
