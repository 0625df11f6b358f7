"""The servers behind the proxies of the matrix."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import trustme

from tests.matrix.expectations import EXPECTED
from tests.support.clients import raw
from tests.support.servers import Server, port_of_nobody

# Without pings, a connection that holds a seat lasts as long as the matrix.
_SETTINGS = {"PING_INTERVAL_SECONDS": "0"}


class Backends:
    """Starts each server when it is first needed, and ends all of them.

    :param place: a folder for the certificate.
    """

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self._place = place
        self._stack = stack
        self._words: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._common: dict[str, str] = {}

    def words(self, fault: str) -> Mapping[str, str]:
        """Return what the words of a configuration stand for, for a cell with this fault."""
        settings = EXPECTED[fault].server
        if settings not in self._words:
            server = self._server(settings)
            if fault in ("server-full", "client-share"):
                self._stack.enter_context(raw(server, "/echo"))
            self._words[settings] = {**self._shared(), "backend": _address(server.port)}
        return self._words[settings]

    def _server(self, settings: tuple[tuple[str, str], ...]) -> Server:
        named: dict[str, Any] = {**_SETTINGS, **dict(settings)}
        server = Server("gunicorn", **named)
        self._stack.callback(server.stop)
        return server

    def _shared(self) -> Mapping[str, str]:
        if not self._common:
            certificate, key = self._place / "certificate.pem", self._place / "key.pem"
            issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
            issued.private_key_pem.write_to_path(key)
            certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
            self._common = {
                "second": _address(self._server(()).port),
                "dead": _address(self._stack.enter_context(port_of_nobody())),
                "silent": _address(self._stack.enter_context(silent())),
                "certificate": str(certificate),
                "key": str(key),
            }
        return self._common


@contextmanager
def silent() -> Iterator[int]:
    """Listen, accept and never answer; yield the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, ExitStack() as stack:

        def accept() -> None:
            with suppress(OSError):  # The listener is closed at the end.
                while True:
                    stack.enter_context(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _address(port: int) -> str:
    return f"127.0.0.1:{port}"
