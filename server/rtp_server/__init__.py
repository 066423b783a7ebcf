"""The API server: an ASGI edge in front, Litestar behind it, one route module an area."""
