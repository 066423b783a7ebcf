"""Jobs: work that runs later, at least once, with effects that happen once."""
