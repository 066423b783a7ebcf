"""Staff: the people who use rtp."""
