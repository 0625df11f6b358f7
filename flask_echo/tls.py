"""TLS in gunicorn: the master reads the files, and the workers get one context by their fork.

gunicorn itself makes a context for each connection. That costs 1.6 ms of CPU each time, more than
the handshake, and files that are bad or half written break every new connection. Here, a renewed
certificate is used after a reload, and a bad one never. Workers that run as another user need not
be able to read the key.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import os
import ssl
from collections.abc import Callable
from typing import Any, NoReturn

from gunicorn import sock

# Mozilla's "intermediate" list for TLS 1.2 (Server Side TLS, version 5.7), without the suites with
# DHE: Python offers no parameters for it. Python's own list also has CBC. TLS 1.3 has its own
# suites, and Python's oldest version is TLS 1.2.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class BadCertificate(ValueError):
    """The files do not make a server's certificate. Its text is one line that says why."""


def check_files(certfile: str | None, keyfile: str | None) -> None:
    """Check that a certificate and its private key are there, in PEM, and belong together.

    :param keyfile: None if ``certfile`` has the key, too.
    :raises BadCertificate: if not.
    """
    if not certfile:
        raise BadCertificate(f"the key {keyfile} needs a certificate: name both files")
    for file in filter(None, (certfile, keyfile)):
        _require_readable(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(certfile)
    except ssl.SSLError:
        raise BadCertificate(f"{certfile} holds no certificate in PEM") from None
    _load(context, certfile, keyfile or certfile)


def _require_readable(file: str) -> None:
    try:
        if os.path.exists(file) and not os.path.isfile(file):
            raise BadCertificate(f"{file} is not a file")
        with open(file, "rb"):
            pass
    except OSError as error:
        raise BadCertificate(f"cannot read {file}: {error.strerror}") from None


def _load(context: ssl.SSLContext, certfile: str, keyfile: str) -> None:
    def refuse_password() -> NoReturn:
        # OpenSSL would ask the terminal.
        raise BadCertificate(f"the key in {keyfile} is encrypted: store it without a password")

    try:
        context.load_cert_chain(certfile, keyfile, password=refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"the key in {keyfile} does not belong to the certificate in {certfile}"
        elif error.reason:
            why = f"cannot use {certfile} with {keyfile}: {error.reason}"
        else:
            why = f"{keyfile} holds no private key in PEM"
        raise BadCertificate(why) from None


class SharedContext:
    """The context for new connections. A fork shares it, and a renewal replaces it whole."""

    def __init__(self) -> None:
        self._current: ssl.SSLContext | None = None

    def get(self, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return the context. Without one, make it.

        :param make: reads the files.
        """
        if self._current is None:
            self._current = make()
        return self._current

    def renew(self, cfg: Any) -> None:
        """Read the files again. If they are bad, the last context stays.

        :param cfg: gunicorn's configuration, which may have an ``ssl_context`` of its own.
        :raises BadCertificate: if they are bad, or another setting of TLS is.
        """
        check_files(cfg.certfile, cfg.keyfile)
        last, self._current = self._current, None
        try:
            sock.ssl_context(cfg)
        except (OSError, ValueError) as error:
            self._current = last
            raise BadCertificate(f"the TLS settings are bad: {error}") from None


_shared = SharedContext()


def renew(cfg: Any) -> None:
    """Make a new context for the workers that are forked from now on; see SharedContext."""
    _shared.renew(cfg)


def ssl_context(conf: Any, default_ssl_context_factory: Callable[[], ssl.SSLContext]) -> Any:
    """Return the context for a connection. gunicorn calls this hook for each one."""
    return _shared.get(default_ssl_context_factory)
