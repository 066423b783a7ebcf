"""`python -m rtp.runtime up|down|status --home HOME`: the runtime without the command line."""

from __future__ import annotations

import argparse
import sys

import msgspec

from rtp.errors import RtpError
from rtp.runtime import launch, stopping
from rtp.runtime.instance import Instance
from rtp.settings import load


def main() -> int:
    """Run one use case and print the status as JSON."""
    parser = argparse.ArgumentParser(prog="python -m rtp.runtime")
    parser.add_argument("verb", choices=["up", "down", "status"])
    parser.add_argument("--home")
    options = parser.parse_args()
    settings = load(home=options.home)
    instance = Instance(settings)
    try:
        if options.verb == "up":
            launch.up(settings, progress=lambda row: print(row.name, row.state, row.detail, file=sys.stderr))
        elif options.verb == "down":
            stopping.stop(instance)
    except RtpError as error:
        print(msgspec.json.format(msgspec.json.encode(error.problem())).decode(), file=sys.stderr)
        return int(error.exit_code)
    status = launch.status(instance)
    print(msgspec.json.format(msgspec.json.encode(status)).decode())
    return 0 if options.verb == "down" else int(status.exit_code)


if __name__ == "__main__":
    sys.exit(main())
