"""Building blocks that know no business noun."""
