"""The built-in payment provider as a process: `python -m rtp.payments.sandbox --port PORT`."""

from __future__ import annotations

import argparse
import socket
import sys

import uvicorn

from rtp.errors import RtpError
from rtp.kit import failpoints
from rtp.kit.clock import SystemClock
from rtp.payments.sandbox_app import App
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_journal import Journal
from rtp.payments.sandbox_wire import folder, token, url_file
from rtp.runtime.instance import write_private
from rtp.settings import Settings, load

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 60
"""Longer than any client keeps an idle connection: else it could send into one that is just being closed."""


def main(argv: list[str] | None = None) -> None:
    """Serve the sandbox provider on the loopback until SIGTERM."""
    parser = argparse.ArgumentParser(prog="rtp.payments.sandbox")
    parser.add_argument("--port", type=int, default=0, help="TCP port of the loopback; 0 picks a free one")
    port: int = parser.parse_args(argv).port
    try:
        settings = load()
        app = App(open_book(settings), token(settings))
        listener = _listen(port)
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        write_private(url_file(settings), url.encode())
    except (RtpError, OSError) as error:
        raise SystemExit(f"the sandbox provider cannot start: {error}") from error
    print(f"sandbox provider on {url}", flush=True)  # noqa: T201 - its log
    _serve(app, listener)


def open_book(settings: Settings) -> Book:
    """The provider's book with all that its journal holds; what was held back when it ended is settled.

    Raises: SandboxJournalInUse, SandboxJournalDamaged, OSError.
    """
    if settings.environment != "prod":
        failpoints.arm(settings.failpoint)
    journal = Journal(folder(settings) / "journal.ndjson")
    book = Book(SystemClock(), journal.append)
    for entry in journal.entries():
        book.apply(entry)
    book.release()
    return book


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1024)
    return listener


def _serve(app: App, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])
    sys.stdout.flush()


if __name__ == "__main__":
    main()
