"""A web server that answers everything with its name, and remembers what was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Stub(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1.

    :ivar name: the body of every answer.
    :ivar targets: what was asked for.
    """

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.targets: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        self.server.targets.append(self.path)
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def handle(self) -> None:
        with suppress(OSError):  # A proxy may leave at any time.
            super().handle()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def stub(name: str) -> Iterator[Stub]:
    """Run a stub."""
    with Stub(name) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
