"""The steps below a WebSocket: DNS, TCP, TLS and plain HTTP. Each one is timed."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from flask_echo.diagnosis.evidence import Answer
from flask_echo.probe.target import Target
from flask_echo.probe.tls import TurnTakingSocket

# How much of a response's body is kept, in bytes. An error page is shorter.
_BODY_BYTES = 64 * 1024
_LEAST_SECONDS = 0.1
_GRACE_SECONDS = 0.5


class Unreachable(Exception):
    """There is no connection to the server.

    :ivar why: ``name``, ``refused``, ``no answer``, ``tls`` or empty.
    """

    def __init__(self, why: str, reason: str) -> None:
        super().__init__(reason)
        self.why = why


@dataclass
class Steps:
    """What was found on the way to the server, and how long each step took in seconds.

    :ivar addresses: what DNS said.
    :ivar tls: version and cipher.
    :ivar expires: when the certificate does, in seconds (Unix); None without a checked one.
    """

    addresses: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    tls: str = ""
    expires: float | None = None


@dataclass
class TimeLimit:
    """How long a step may take.

    :ivar each: seconds for one step.
    :ivar until: when all steps must have ended, on the monotonic clock.
    """

    each: float
    until: float

    def left(self) -> float:
        """Return the seconds until the end of all steps."""
        return self.until - monotonic()

    def seconds(self) -> float:
        """Return how long the next step may take, in seconds; a little at least."""
        return min(self.each, max(self.left(), _LEAST_SECONDS))


@dataclass(frozen=True)
class Network:
    """How to reach a target.

    :ivar limit: for each step.
    :ivar insecure: whether any certificate will do.
    :ivar headers: of each request, as name and value.
    """

    target: Target
    limit: TimeLimit
    insecure: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS settings; None for ``ws:``."""
        if not self.target.secure:
            return None
        context = ssl.create_default_context()
        context.sslsocket_class = TurnTakingSocket
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def walk(self) -> Steps:
        """Take all steps once, and say how each one went.

        :raises Unreachable: at the first that fails.
        """
        steps = Steps()
        began = monotonic()
        steps.addresses = self._resolve()
        steps.seconds["DNS"] = monotonic() - began
        began = monotonic()
        sock = self.connect()
        steps.seconds["TCP"] = monotonic() - began
        with sock:
            self._shake_hands(sock, steps)
        return steps

    def _resolve(self) -> list[str]:
        target = self.target
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unreachable("name", str(error)) from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def connect(self) -> socket.socket:
        """Return a TCP connection.

        :raises Unreachable: without one.
        """
        try:
            return socket.create_connection(
                (self.target.host, self.target.port), self.limit.seconds()
            )
        except socket.gaierror as error:
            raise Unreachable("name", str(error)) from None
        except ConnectionRefusedError as error:
            raise Unreachable("refused", str(error)) from None
        except TimeoutError as error:
            raise Unreachable("no answer", str(error)) from None
        except OSError as error:
            raise Unreachable("", str(error)) from None

    def open(self) -> socket.socket:
        """Return a connection, with TLS if the target has it, that waits without end.

        :raises Unreachable: without one.
        """
        sock, context = self.connect(), self.context()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = self.secured(sock, context)
            sock.take_turns()
        sock.settimeout(None)
        return sock

    def _shake_hands(self, sock: socket.socket, steps: Steps) -> None:
        context = self.context()
        if context is None:
            return
        began = monotonic()
        with self.secured(sock, context) as wrapped:
            steps.seconds["TLS"] = monotonic() - began
            cipher = wrapped.cipher()
            steps.tls = f"{wrapped.version()}, {cipher[0] if cipher else 'no cipher'}"
            certificate = wrapped.getpeercert() or {}
            if "notAfter" in certificate:
                steps.expires = float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))

    def secured(self, sock: socket.socket, context: ssl.SSLContext) -> TurnTakingSocket:
        """Return the connection with TLS.

        :raises Unreachable: if TLS fails.
        """
        try:  # The time-out of the socket is for the whole handshake.
            wrapped = context.wrap_socket(sock, server_hostname=self.target.host)
        except ssl.SSLCertVerificationError as error:
            raise Unreachable("tls", error.verify_message) from None
        except TimeoutError:
            raise Unreachable("tls", "no answer came in time") from None
        except OSError as error:
            raise Unreachable("tls", str(error)) from None
        return cast("TurnTakingSocket", wrapped)

    def get(self, path: str) -> Answer | None:
        """Send a plain GET, and return the response; None without one. Redirects stay."""
        began, seconds = monotonic(), self.limit.seconds()
        connection = http.client.HTTPConnection(self.target.host, self.target.port)
        try:
            connection.sock = self.open()
            with cut_after(connection.sock, TimeLimit(seconds, began + seconds)):
                connection.request("GET", path, headers=self._plain_headers())
                response = connection.getresponse()
                body = response.read(_BODY_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, Unreachable):
            return None
        finally:
            connection.close()
        return Answer(
            status=response.status,
            headers=joined(response.getheaders()),
            body=body,
            protocol="http/1.1",
            seconds=monotonic() - began,
        )

    def _plain_headers(self) -> dict[str, str]:
        """Ask for problem details, which a service like this one explains itself in."""
        accepted = {"Accept": "application/problem+json, application/json, */*;q=0.1"}
        return {**accepted, "Host": self.target.authority, **dict(self.headers)}


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their name in lower case; the values of a repeated one are joined, as
    browsers do (RFC 9110, section 5.3)."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


@contextmanager
def cut_after(sock: socket.socket, limit: TimeLimit) -> Iterator[None]:
    """Shut a socket down at the end of a time limit, which may move meanwhile.

    A time-out of a socket is for one system call, and a peer may send one byte for each. A send has
    no time-out at all in the package websockets.
    """
    done = threading.Event()

    def watch() -> None:
        while (left := limit.left()) > 0:
            if done.wait(left + _GRACE_SECONDS):
                return
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
