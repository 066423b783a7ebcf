"""What the repository needs around the code: its environment, its contracts, its generated pages."""
