"""The generated pages of docs/reference: `python -m tools.reference` writes them, a test compares them."""
