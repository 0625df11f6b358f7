"""TLS in tests: certificates for servers, and the sockets of clients."""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import trustme

from flask_echo.probe.tls import TurnTakingSocket


def issue(place: Path, authority: trustme.CA | None = None) -> list[str]:
    """Write ``cert.pem`` and ``key.pem`` for localhost, and return gunicorn's arguments for them.

    :param place: a folder.
    :param authority: who signs the certificate; by default, nobody else knows.
    """
    issued = (authority or trustme.CA()).issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(place / "cert.pem")
    issued.private_key_pem.write_to_path(place / "key.pem")
    return ["--certfile", str(place / "cert.pem"), "--keyfile", str(place / "key.pem")]


def tls_arguments(kind: str, certificate: Sequence[str]) -> list[str]:
    """Return gunicorn's arguments for a certificate as a server of another kind has them."""
    names = {"--certfile": "--cert", "--keyfile": "--key"} if kind == "flask" else {}
    return [names.get(word, word) for word in certificate]


class ClientSocket(TurnTakingSocket):
    """A client's socket that behaves as a plain one does.

    It tells a reset from the end of the stream, and one thread may send while another receives.
    """

    def do_handshake(self, block: bool = False) -> None:
        seconds = self.gettimeout()
        super().do_handshake(block)
        self.take_turns()
        self.settimeout(seconds)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLZeroReturnError, BlockingIOError):  # Both sides have said goodbye.
            return b""
        except ssl.SSLEOFError as error:
            # OpenSSL 3 has this reason for an end without TLS's goodbye, and none for a reset.
            if error.reason != "UNEXPECTED_EOF_WHILE_READING":
                raise ConnectionResetError from None
            return b""

    def shutdown(self, how: int) -> None:
        """Shut down. TLS first says goodbye (RFC 8446, section 6.1), and keeps its session: there
        may be more to read."""
        assert self._turn
        with suppress(OSError), self._turn:
            self.unwrap()
        super().shutdown(how)


@cache
def trusting(sslsocket_class: type[ssl.SSLSocket] = ssl.SSLSocket) -> ssl.SSLContext:
    """A TLS context for certificates that the tests have made.

    :param sslsocket_class: of the sockets that it wraps.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = sslsocket_class
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
