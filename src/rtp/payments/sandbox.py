"""The built-in payment provider as a process: `python -m rtp.payments.sandbox --port PORT`."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys

import uvicorn
import uvloop

from rtp.errors import RtpError
from rtp.kit import failpoints
from rtp.kit.clock import SystemClock
from rtp.payments.sandbox_app import App
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_journal import Journal
from rtp.payments.sandbox_webhooks import Courier
from rtp.payments.sandbox_wire import folder, token, url_file, webhook_secret
from rtp.runtime.instance import write_private
from rtp.sandbox.errors import SandboxNotOnProd
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
        if settings.environment == "prod":
            raise SandboxNotOnProd()
        book = open_book(settings)
        courier = Courier(book, webhook_secret(settings), own_url(settings))
        app = App(book, token(settings), courier)
        listener = _listen(port)
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        write_private(url_file(settings), url.encode())
    except (RtpError, OSError) as error:
        raise SystemExit(f"the sandbox provider cannot start: {error}") from error
    print(f"sandbox provider on {url}", flush=True)  # noqa: T201 - its log
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, courier, listener))
    sys.stdout.flush()


def open_book(settings: Settings) -> Book:
    """The provider's book with all that its journal holds; what was held back when it ended is settled.

    Raises: SandboxJournalInUse, SandboxJournalDamaged, OSError.
    """
    failpoints.arm(settings.failpoint)
    journal = Journal(folder(settings) / "journal.ndjson")
    book = Book(SystemClock(), journal.append)
    for entry in journal.entries():
        book.record.apply(entry)
    book.release()
    return book


def own_url(settings: Settings) -> str:
    """Where webhooks go by themselves: to the API of the instance, if it has one."""
    return f"http://{HOST}:{settings.port}/v1/webhooks/sandbox" if settings.port else ""


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1024)
    return listener


async def _serve(app: App, courier: Courier, listener: socket.socket) -> None:
    """Serve and carry webhooks; if one of the two fails, the process ends and is started anew."""
    config = uvicorn.Config(
        app,
        loop="none",
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
    server = uvicorn.Server(config)
    carrying = asyncio.create_task(courier.run())
    carrying.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve(sockets=[listener])
    finally:
        carrying.cancel()
    if not carrying.cancelled() and carrying.done() and (failure := carrying.exception()):
        raise failure


if __name__ == "__main__":
    main()
