"""Fixtures: real servers, one of each kind for the session, and more on demand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import settings

from flask_echo.websocket.budget import Budget
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from tests.support.clients import RawWebSocket
from tests.support.pairs import Open, Pair, Served, echo, tcp_pair, unix_pair
from tests.support.proxy import Proxy
from tests.support.servers import Server, StartServer

if TYPE_CHECKING:  # Without Selenium the tests that need a browser are skipped.
    from selenium.webdriver import Chrome

    from tests.support.browser import Page


# By default an example that takes 0.2 s fails its test. On a busy machine any example may.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start servers of a test's own; they end with the test."""
    with ExitStack() as stack:

        def start(kind: str, *arguments: str, **settings: Any) -> Server:
            server = Server(kind, *arguments, **settings)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the arguments that make gunicorn speak TLS."""
    place: Path = tmp_path_factory.mktemp("tls")
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(place / "cert.pem")
    issued.private_key_pem.write_to_path(place / "key.pem")
    return ["--certfile", str(place / "cert.pem"), "--keyfile", str(place / "key.pem")]


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Server]]:
    """Return the session's server of a kind; each is started when it is first asked for."""
    running: dict[str, Server] = {}

    def get(kind: str) -> Server:
        if kind not in running:
            running[kind] = Server(kind)
        return running[kind]

    yield get
    for server in running.values():
        server.stop()
        output = server.output()
        assert "Traceback" not in output, output


@pytest.fixture(scope="session")
def server(servers: Callable[[str], Server]) -> Server:
    """Return the session's gunicorn."""
    return servers("gunicorn")


@pytest.fixture(params=["gunicorn", "flask"])
def each_server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """Run the test against both servers."""
    return servers(request.param)


@pytest.fixture(params=[tcp_pair, unix_pair], ids=["tcp", "poll"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two ends of a stream, timed by the kernel or by poll."""
    made: Pair = request.param()
    return made


@pytest.fixture
def serve(pair: Pair) -> Iterator[Open]:
    """Serve a connection over the pair, and upgrade it from the client's side."""
    with ExitStack() as stack:

        def serve(
            handler: Callable[[Any], Any] = echo,
            extensions: str | None = None,
            kind: type[Connection] = Connection,
            budget: Budget | None = None,
            **settings: Any,
        ) -> tuple[RawWebSocket, Served]:
            checked = Limits(**{"close_timeout_seconds": 0.5, **settings})
            served = stack.enter_context(Served(pair, checked, handler, kind, budget))
            offer = {"Sec-WebSocket-Extensions": extensions}
            return RawWebSocket(served.client, changes=offer), served

        yield serve


@pytest.fixture(scope="session")
def driver() -> Iterator["Chrome"]:
    """The session's Chromium."""
    from tests.support.browser import launch

    with launch() as driver:
        yield driver


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before the session's gunicorn, which does no harm until it is told to."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def page(driver: "Chrome", server: Server, proxy: Proxy) -> Iterator["Page"]:
    """A new tab of a browser that remembers nothing.

    It is closed before the proxy ends, which would cut its connections.
    A test that expects an error on the console takes it from there.
    """
    from tests.support.browser import NAMED_HOST, new_tab

    with new_tab(driver, server.url) as page:
        try:
            yield page
            assert page.take_console_errors() == []
        finally:
            named = server.url.replace("127.0.0.1", NAMED_HOST)
            for origin in (server.url, named):
                page.devtools(
                    "Storage.clearDataForOrigin", origin=origin, storageTypes="local_storage"
                )
