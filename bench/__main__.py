"""`python -m bench [--quick] [--case NAME] [--list]`: run the cases and print one line each."""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time

from bench import http, importing, lifecycle, lists, platform, plugins, refunds, startup
from bench.frame import Case, Measured, NotMeasured, result, write

CASES: list[Case] = [
    *startup.CASES,
    *plugins.CASES,
    *lifecycle.CASES,
    *importing.CASES,
    *lists.CASES,
    *http.CASES,
    *refunds.CASES,
]


def main() -> int:
    """Run the chosen cases; exit 1 when one could not be measured, or, unless quick, missed its goal."""
    arguments = parse()
    chosen = [case for case in CASES if arguments.case in (None, case.name)]
    if not chosen:
        print(f"no case {arguments.case!r}; there are: {', '.join(case.name for case in CASES)}", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(f"{case.name:24} {goal(case):12} against {case.against}" for case in chosen))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        held = [run(case, quick=arguments.quick) for case in chosen]
    finally:
        platform.close()
    return 0 if all(held) else 1


def run(case: Case, *, quick: bool) -> bool:
    """Measure one case, print it and write it down."""
    begun = time.monotonic()
    try:
        measured = case.run(quick)
    except NotMeasured as error:
        measured = Measured(missing=str(error))
    if not measured.ratios:
        print(f"{case.name:24} not measured: {measured.missing}", flush=True)
        return False
    found = result(case, measured, quick=quick)
    write(found)
    verdict = {True: "met", False: "MISSED", None: ""}[case.is_met(statistics.median(measured.ratios))]
    spread = f"({found['min']:.2f} … {found['max']:.2f}, n {found['n']})"
    costs = f"load {os.getloadavg()[0]:.1f}, {time.monotonic() - begun:.0f} s"
    print(f"{case.name:24} {found['ratio']:7.2f}  {goal(case):12}  {verdict:6}  {spread} {costs}; to {case.against}",
          flush=True)  # fmt: skip
    return quick or found["met"] is not False


def goal(case: Case) -> str:
    """The goal as it is printed."""
    if case.goal is None:
        return "no goal"
    return f"goal {'<=' if case.better == 'lower' else '>='} {case.goal:g}"


def parse() -> argparse.Namespace:
    """The command line of the benchmarks."""
    parser = argparse.ArgumentParser(prog="bench", description="Every figure is a ratio measured in one run.")
    parser.add_argument("--quick", action="store_true", help="few repeats; judged only for having run")
    parser.add_argument("--case", help="only this case")
    parser.add_argument("--list", action="store_true", help="name the cases")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
