"""Caddy as deploy/compose.yaml runs it: with deploy/compose/Caddyfile, on the ports 80 and 443.

The caller is in a network of its own; see :mod:`tests.support.network`. Only the address of the
service is another one, and DOMAIN is localhost: Caddy makes a certificate that nobody trusts.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path

from tests.support.clients import TIMEOUT, RawWebSocket
from tests.support.containers import PORT
from tests.support.required import program
from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS
from tests.support.tls import trusting
from tests.support.waiting import wait_until

FILE = ROOT / "deploy/compose/Caddyfile"
_SERVICE = "flask-echo:8080"


@contextmanager
def caddy(place: Path) -> Iterator[None]:
    """Run Caddy for the block.

    :param place: a folder for its certificates and its log.
    """
    text = FILE.read_text()
    assert text.count(_SERVICE) == 1
    file = place / "Caddyfile"
    file.write_text(text.replace(_SERVICE, f"127.0.0.1:{PORT}"))
    words = [program("caddy"), "run", "--config", str(file)]
    variables = {"DOMAIN": "localhost", "HOME": str(place)}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(words, env=variables, cwd=place, stdout=log, stderr=log)
    try:
        wait_until(_serves, START_SECONDS, (place / "log").read_text)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _serves() -> bool:
    """Whether Caddy has a certificate; the service need not answer."""
    with suppress(OSError):
        _connected().close()
        return True
    return False


def _connected() -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", 443), TIMEOUT)
    return trusting().wrap_socket(plain, server_hostname="localhost")


def get(path: str) -> tuple[int, bytes]:
    """Ask for a path through Caddy, as it is spelled; return status and body."""
    connection = HTTPSConnection("localhost", timeout=START_SECONDS, context=trusting())
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def web_socket(path: str, **headers: str) -> RawWebSocket:
    """Open a WebSocket through Caddy."""
    return RawWebSocket(_connected(), path, changes={"Host": "localhost", **headers})
