"""Help topics: `rtp help exit-codes|environment|output|flags`."""

from __future__ import annotations

NAMES = ("exit-codes", "environment", "output", "flags")

_ENVIRONMENT = """ENVIRONMENT VARIABLES

  RTP_CONTEXT       name of the context to use (rtp context list)
  RTP_URL           server to talk to; together with RTP_TOKEN it needs no context
  RTP_TOKEN         API token for RTP_URL; never a flag, so that it is in no process list
  RTP_TOKEN_FILE    file that holds the token
  RTP_HOME          folder of the local instance
  RTP_CONFIG_HOME   folder of contexts, journal and settings (else XDG_CONFIG_HOME/rtp)
  RTP_DEBUG         1 prints the traceback of an unexpected failure, as `rtp --debug` does
  NO_COLOR          any value: no colour

A flag goes before the environment, the environment before rtp.toml of the working folder, that before the
user's rtp.toml. Where the server is looked for: --context, RTP_URL, RTP_CONTEXT, the context in use, and at
last the instance on this machine."""

_OUTPUT = """OUTPUT

  -o table    for people; the default. Off a terminal: plain, 80 columns, no colour
  -o json     the resource itself, an array for lists
  -o ndjson   one resource per line, written as it arrives
  -o yaml     the same, as YAML
  -o csv      one row per resource; cells that a spreadsheet would run begin with '
  -o ids      one id per line, for xargs

  --fields a,b  only these fields, in this order; a dot reaches inside: --fields id,price.currency

Data goes to stdout, everything said about it to stderr. On failure stdout stays empty, and with -o json the error
is an object on stderr: {"error": {"code", "message", "detail", "hint", "retryable", "request_id"}}.
Money is {"amount": 2500, "currency": "USD"}: minor units. Times are UTC, RFC 3339; a table shows them
to the minute, on a terminal as an age."""


def find(name: str) -> str | None:
    """The page of a topic."""
    pages = {"environment": lambda: _ENVIRONMENT, "output": lambda: _OUTPUT, "flags": _flags, "exit-codes": _exit_codes}
    page = pages.get(name)
    return page() if page else None


def _exit_codes() -> str:
    from rtp.errors import EXIT_MEANINGS

    return "EXIT CODES\n\n" + "\n".join(f"  {int(code):>3}  {meaning}" for code, meaning in EXIT_MEANINGS.items())


def _flags() -> str:
    from rtp_commands.flags import describe

    return describe()
