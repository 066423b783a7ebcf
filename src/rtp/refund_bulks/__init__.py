"""Bulk refunds: a file of rows that is checked as a whole before anything moves, and then carried out as one saga."""
