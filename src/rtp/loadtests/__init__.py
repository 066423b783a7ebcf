"""Load tests: locust in a process of its own, its figures judged by the profile's thresholds."""
