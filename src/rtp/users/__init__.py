"""Users: the members of the business. They never log in here."""
