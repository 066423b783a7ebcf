"""Tokens: keys of the API, stored hashed, shown once."""
