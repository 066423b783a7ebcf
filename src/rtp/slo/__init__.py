"""Service level objectives: OpenSLO files, judged from the stored history of requests."""
