"""The history of requests: what was asked, how it ended and how long it took, kept in the database."""
