"""Only on the path of a measured test run: starts the measuring in every Python process of the run."""

import os

if os.environ.get("COVERAGE_MARKS"):
    import coverage_marks  # type: ignore[import-not-found]  # found beside this file, which Python puts on the path

    coverage_marks.begin(os.environ["COVERAGE_MARKS"])
