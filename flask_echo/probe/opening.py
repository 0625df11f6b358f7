"""Open a WebSocket with the package ``websockets``, and keep what came of it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.extensions.permessage_deflate import enable_client_permessage_deflate
from websockets.sync.client import ClientConnection
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from flask_echo import __version__
from flask_echo.diagnosis.evidence import Answer, Attempt
from flask_echo.probe.network import Network, Unreachable, cut_after, joined

# A message may be as large as the server allows.
_LARGEST = 2**26
_CLOSE_SECONDS = 1.0
_USER_AGENT = f"flask-echo/{__version__}"


class NotOpen(Exception):
    """The WebSocket did not open.

    :ivar attempt: what came instead.
    """

    def __init__(self, attempt: Attempt, reason: str) -> None:
        super().__init__(reason)
        self.attempt = attempt


@dataclass(frozen=True)
class Opener:
    """Opens WebSockets at one server.

    :ivar origin: the value of Origin; None sends none.
    :ivar subprotocols: those to offer.
    """

    network: Network
    origin: str | None
    subprotocols: Sequence[str] = ()

    @contextmanager
    def open(
        self, path: str, query: str = "", *, compression: bool = True, timeout: float | None = None
    ) -> Iterator[ClientConnection]:
        """Yield an open connection, and close it.

        :param timeout: seconds for the handshake; by default those of the limit.
        :raises NotOpen: with all that is known.
        """
        with ExitStack() as stack:
            yield self._opened(
                stack, path, query, compression, timeout or self.network.limit.seconds()
            )

    def _opened(
        self, stack: ExitStack, path: str, query: str, compression: bool, timeout: float
    ) -> ClientConnection:
        began = monotonic()
        try:
            connection = self._connect(stack, path, query, compression, timeout)
            return stack.enter_context(connection)
        except Unreachable as error:
            raise NotOpen(_attempt("unreachable", error.why), str(error)) from None
        except InvalidStatus as error:
            raise NotOpen(_attempt("failed", answer=_answer(error, began)), str(error)) from None
        except (InvalidHandshake, OSError, EOFError) as error:
            outcome = _outcome(error, monotonic() - began >= timeout)
            raise NotOpen(_attempt(outcome), str(error)) from None

    def _connect(
        self, stack: ExitStack, path: str, query: str, compression: bool, timeout: float
    ) -> ClientConnection:
        """Return a connection after its handshake. Unlike connect(), this follows no redirect."""
        protocol = ClientProtocol(
            parse_uri(self.network.target.url(path, query)),
            origin=cast("Origin | None", self.origin),
            extensions=enable_client_permessage_deflate(None) if compression else None,
            subprotocols=[cast("Subprotocol", name) for name in self.subprotocols] or None,
            max_size=_LARGEST,
        )
        sock = self.network.open()
        stack.enter_context(cut_after(sock, self.network.limit))
        connection = ClientConnection(
            sock, protocol, ping_interval=None, close_timeout=_CLOSE_SECONDS
        )
        try:
            connection.handshake(list(self.network.headers), _USER_AGENT, timeout)
        except BaseException:
            sock.close()
            raise
        return connection


def _outcome(error: Exception, is_late: bool) -> str:
    """Name a handshake without a response: ``failed`` if something came that is none."""
    if isinstance(error, InvalidMessage):
        is_garbage = not isinstance(error.__cause__, OSError | EOFError)
    else:
        is_garbage = isinstance(error, InvalidHandshake)
    return "failed" if is_garbage else "silent" if is_late else "cut"


def _answer(error: InvalidStatus, began: float) -> Answer:
    response = error.response
    headers = joined(response.headers.raw_items())
    body = bytes(response.body or b"").decode("utf-8", "replace")
    return Answer(
        status=response.status_code,
        headers=headers,
        body=body,
        protocol="http/1.1",
        seconds=monotonic() - began,
    )


def _attempt(outcome: str, why: str = "", answer: Answer | None = None) -> Attempt:
    return Attempt(outcome=outcome, why=why, answer=answer)
