"""Domain events: facts written in the transaction of the change, delivered in order to every consumer."""
