"""The refunds of a month for a third person: a random sample, and who approved whose."""
