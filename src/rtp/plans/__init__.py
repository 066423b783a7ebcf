"""Plans as an area of the API; how they work is in `rtp.db.plans`."""
