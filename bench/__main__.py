"""`python -m bench [--quick] [--case NAME] [--list]`: run the cases and print one line each."""

from __future__ import annotations

import argparse
import sys

from bench import startup
from bench.frame import Case, result, write

CASES: list[Case] = [*startup.CASES]


def main() -> int:
    """Run the chosen cases; exit 1 when one could not be measured, or, unless quick, missed its goal."""
    arguments = parse()
    chosen = [case for case in CASES if arguments.case in (None, case.name)]
    if not chosen:
        print(f"no case {arguments.case!r}; there are: {', '.join(case.name for case in CASES)}", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(f"{case.name:24} goal {case.goal:g} against {case.against}" for case in chosen))
        return 0
    held = [run(case, quick=arguments.quick) for case in chosen]
    return 0 if all(held) else 1


def run(case: Case, *, quick: bool) -> bool:
    """Measure one case, print it and write it down."""
    measured = case.run(quick)
    if not measured.ratios:
        print(f"{case.name:24} not measured: {measured.missing}")
        return False
    found = result(case, measured, quick=quick)
    write(found)
    sign, verdict = ("<=" if case.better == "lower" else ">="), ("met" if found["met"] else "MISSED")
    spread = f"({found['min']:.2f} … {found['max']:.2f}, n {found['n']})"
    print(
        f"{case.name:24} {found['ratio']:7.2f}  goal {sign} {case.goal:g}  {verdict:6}  {spread} against {case.against}"
    )
    return quick or bool(found["met"])


def parse() -> argparse.Namespace:
    """The command line of the benchmarks."""
    parser = argparse.ArgumentParser(prog="bench", description="Every figure is a ratio measured in one run.")
    parser.add_argument("--quick", action="store_true", help="few repeats; judged only for having run")
    parser.add_argument("--case", help="only this case")
    parser.add_argument("--list", action="store_true", help="name the cases")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
