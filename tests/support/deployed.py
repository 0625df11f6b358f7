"""The proxies under deploy/, as a user runs them, in front of a server.

Only what a test cannot have is replaced: addresses, ports, host names, and the paths of logs and
certificates. Each replacement must be found, so a test fails when a file no longer has it.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme

from tests.support.clients import TIMEOUT, RawWebSocket
from tests.support.products import PRODUCTS, Product, Running, running
from tests.support.servers import ROOT, free_port
from tests.support.tls import trusting

PREFIX = "/ws-test"
# Both names lead to this machine wherever the tests run.
OWN_HOST, OTHER_HOST = "localhost", "127.0.0.1"

# What is in all three files.
_EVERYWHERE = (
    ("/etc/ssl/flask-echo/", "CERTIFICATES/"),
    ("127.0.0.1:8080", "BACKEND"),
    ("127.0.0.1:8000", "APPLICATION"),
)
_NAMES = (("ws-test.example.com", OWN_HOST), ("www.example.com", OTHER_HOST))

# The global options of Caddy that a test needs. A file has one block of them, at its beginning.
_CADDY_PLACE = """\
{
    admin unix/PLACE/admin
    http_port PLAIN_PORT
    https_port PORT
    default_bind 127.0.0.1
    storage file_system PLACE/storage
    persist_config off
    skip_install_trust
}
"""


@dataclass(frozen=True)
class Deployment:
    """A file under deploy/ and the program that it is for.

    :ivar product: the program, with the words of its command line in a test.
    :ivar replacements: what is replaced in the file, in this order.
    :ivar shutdown_time: the directive whose time ends what a reload has left open.
    :ivar before: goes before the file.
    """

    name: str
    product: Product
    replacements: tuple[tuple[str, str], ...]
    shutdown_time: str
    before: str = ""

    @property
    def text(self) -> str:
        """The file as a user has it."""
        return (ROOT / "deploy" / self.name).read_text()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the service that the file names in comments."""
        comments = re.findall(r"^#.*$", self.text, re.MULTILINE)
        return dict(re.findall(r"FLASK_ECHO_(\w+)=(\S+)", "\n".join(comments)))

    def here(self, shutdown_time: str | None = None) -> str:
        """Return the file with words for what is known when the proxy starts."""
        text, replacements = self.text, (*self.replacements, *_EVERYWHERE)
        if shutdown_time:
            directive = self.shutdown_time
            replacements += ((f"{directive} 1h", f"{directive} {shutdown_time}"),)
        for theirs, ours in replacements:
            assert theirs in text, f"{self.name} no longer has {theirs!r}"
            text = text.replace(theirs, ours)
        return self.before + text


def _needs_root() -> str | None:
    return "it changes its user, which only root can" if os.geteuid() else None


def _product(name: str, words: list[str]) -> Product:
    """Return a product that runs a file of deploy/."""
    known = PRODUCTS[name]
    return Product(
        programs=known.programs,
        words=lambda file, _: [
            word.replace("PLACE", str(file.parent)).replace("FILE", str(file)) for word in words
        ],
        configuration="LINES",
        correct="",
        faults={},
        file=known.file,
        reload=known.reload,
        needs=_needs_root,
    )


_NGINX_WORDS = ["-e", "stderr", "-g", "daemon off; pid PLACE/nginx.pid;", "-c", "FILE"]
_CADDY_WORDS = ["run", "--config", "FILE", "--adapter", "caddyfile"]

DEPLOYMENTS = {
    "nginx": Deployment(
        "nginx.conf",
        _product("nginx", _NGINX_WORDS),
        (
            ("listen [::]:443 ssl http2 default_server;", ""),
            ("listen [::]:443 ssl http2;", ""),
            ("listen [::]:80 default_server;", ""),
            ("listen 443 ", "listen 127.0.0.1:PORT "),
            ("listen 80 ", "listen 127.0.0.1:PLAIN_PORT "),
            ("/var/log/nginx/", "PLACE/"),
            *_NAMES,
        ),
        "worker_shutdown_timeout",
    ),
    "HAProxy": Deployment(
        "haproxy.cfg",
        _product("HAProxy", ["-W", "-db", "-f", "FILE"]),
        (
            ("    bind [::]:443 v6only", "    # bind"),
            ("    bind [::]:80 v6only", ""),
            ("bind :443 ", "bind 127.0.0.1:PORT "),
            ("bind :80\n", "bind 127.0.0.1:PLAIN_PORT\n"),
            _NAMES[0],
        ),
        "hard-stop-after",
    ),
    "Caddy": Deployment(
        "Caddyfile",
        replace(_product("Caddy", _CADDY_WORDS), needs=lambda: None),
        _NAMES,
        "stream_close_delay",
        before=_CADDY_PLACE,
    ),
}


@dataclass(frozen=True)
class Front:
    """A proxy of deploy/ that runs.

    :ivar plain_port: where it listens without TLS.
    :ivar certificates: the folder of ``cert.pem``, and of the ``authority.pem`` that has signed it.
    """

    deployment: Deployment
    proxy: Running
    plain_port: int
    certificates: Path

    @property
    def port(self) -> int:
        """Where it listens with TLS."""
        return self.proxy.port

    def url(self, host: str = OWN_HOST, path: str = "/") -> str:
        """Return an address of a page."""
        return f"https://{host}:{self.port}{path}"

    def secured(
        self, host: str, source: str = "127.0.0.1", protocol: str = "http/1.1"
    ) -> ssl.SSLSocket:
        """Connect with TLS.

        :param source: the address of the client.
        :param protocol: the only one that the client offers (ALPN).
        """
        context = trusting()
        context.set_alpn_protocols([protocol])
        address = ("127.0.0.1", self.port)
        sock = socket.create_connection(address, TIMEOUT, source_address=(source, 0))
        secured = context.wrap_socket(sock, server_hostname=host)
        assert secured.selected_alpn_protocol() == protocol
        return secured

    def websocket(
        self,
        path: str = "/echo",
        host: str = OWN_HOST,
        source: str = "127.0.0.1",
        status: int = 101,
        headers: Mapping[str, str] | None = None,
    ) -> RawWebSocket:
        """Open a WebSocket.

        :param headers: more headers of its upgrade request.
        """
        changes = {"Host": f"{host}:{self.port}", **(headers or {})}
        return RawWebSocket(self.secured(host, source), path, changes, status=status)

    def http(self, host: str = OWN_HOST, source: str = "127.0.0.1") -> HTTPSConnection:
        """Return a connection for plain requests, which opens itself."""
        return HTTPSConnection(
            host, self.port, timeout=TIMEOUT, context=trusting(), source_address=(source, 0)
        )

    def renew_certificate(self) -> bytes:
        """Put a new certificate in place of the old one, and return it (DER)."""
        return _write_certificate(self.certificates)

    def shown_certificate(self) -> bytes:
        """Return the certificate that a new connection gets (DER)."""
        with self.secured(OWN_HOST) as sock:
            return sock.getpeercert(binary_form=True) or b""

    def reload(self) -> None:
        """Reload the proxy as its file says."""
        reload = self.deployment.product.reload
        assert reload is not None
        reload(self.proxy)


@contextmanager
def deployed(
    name: str,
    service: int,
    application: int,
    shutdown_time: str | None = None,
    replacements: tuple[tuple[str, str], ...] = (),
) -> Iterator[Front]:
    """Run a proxy of deploy/ in front of two ports of 127.0.0.1.

    :param application: the port of one's own application.
    :param shutdown_time: after which a reload cuts what is open; by default that of the file.
    :param replacements: what else is replaced in the file.
    """
    known = DEPLOYMENTS[name]
    deployment = replace(known, replacements=(*known.replacements, *replacements))
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="certificates-")))
        _write_certificate(place)
        plain_port = free_port()
        proxy = stack.enter_context(
            running(
                deployment.product,
                deployment.here(shutdown_time),
                backend=f"127.0.0.1:{service}",
                application=f"127.0.0.1:{application}",
                certificates=str(place),
                plain_port=str(plain_port),
            )
        )
        yield Front(deployment, proxy, plain_port, place)


def _write_certificate(place: Path) -> bytes:
    """Write a certificate for both hosts, and its key. Return the certificate (DER)."""
    authority = trustme.CA()
    issued = authority.issue_cert(OWN_HOST, OTHER_HOST)
    chain = [blob.bytes().decode() for blob in issued.cert_chain_pems]
    (place / "cert.pem").write_text("".join(chain))
    issued.private_key_pem.write_to_path(place / "cert.pem.key")
    authority.cert_pem.write_to_path(place / "authority.pem")
    return ssl.PEM_cert_to_DER_cert(chain[0])
