"""Fixtures: real servers, one of each kind for the session, and more on demand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import settings

from flask_echo.websocket.budget import Budget
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from tests.support.clients import RawWebSocket
from tests.support.pairs import Open, Pair, Served, echo, tcp_pair, tls_pair, unix_pair
from tests.support.proxy import Proxy
from tests.support.servers import Server, StartServer
from tests.support.tls import issue, tls_arguments

if TYPE_CHECKING:  # Without Selenium the tests that need a browser are skipped.
    from selenium.webdriver import Chrome

    from tests.support.browser import Page


class Servers(Protocol):
    """The servers of the session."""

    def __call__(self, kind: str, over_tls: bool = False) -> Server:
        """Return the one of a kind."""


# By default an example that takes 0.2 s fails its test. On a busy machine any example may.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that are marked ``also_over_tls`` a second time, over TLS."""
    mark = metafunc.definition.get_closest_marker("also_over_tls")
    if mark and "over_tls" in metafunc.fixturenames:
        second = pytest.param(True, marks=pytest.mark.slow, id="tls")
        metafunc.parametrize("over_tls", [pytest.param(False, id="plain"), second], indirect=True)


@pytest.fixture
def over_tls(request: pytest.FixtureRequest) -> bool:
    """Whether the servers of this test speak TLS; see the mark ``also_over_tls``."""
    return bool(getattr(request, "param", False))


@pytest.fixture
def start_server(over_tls: bool, certificate: list[str]) -> Iterator[StartServer]:
    """Start servers of a test's own; they end with the test."""
    with ExitStack() as stack:

        def start(kind: str, *arguments: str, **settings: Any) -> Server:
            if over_tls:
                arguments = (*arguments, *tls_arguments(kind, certificate))
            server = Server(kind, *arguments, **settings)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the arguments that make gunicorn speak TLS."""
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def servers(certificate: list[str]) -> Iterator[Servers]:
    """Return the session's server of a kind; each is started when it is first asked for."""
    running: dict[tuple[str, bool], Server] = {}

    def get(kind: str, over_tls: bool = False) -> Server:
        if (kind, over_tls) not in running:
            arguments = tls_arguments(kind, certificate) if over_tls else []
            running[kind, over_tls] = Server(kind, *arguments)
        return running[kind, over_tls]

    yield get
    for server in running.values():
        server.stop()
        output = server.output()
        assert "Traceback" not in output, output


@pytest.fixture
def server(servers: Servers, over_tls: bool) -> Server:
    """Return the session's gunicorn."""
    return servers("gunicorn", over_tls)


@pytest.fixture(params=["gunicorn", "flask"])
def each_server(request: pytest.FixtureRequest, servers: Servers, over_tls: bool) -> Server:
    """Run the test against both servers."""
    return servers(request.param, over_tls)


@pytest.fixture(
    params=[
        pytest.param(tcp_pair, id="tcp"),
        pytest.param(unix_pair, id="poll"),
        pytest.param(tls_pair, id="tls", marks=pytest.mark.slow),
    ]
)
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two ends of a stream, timed by the kernel, by poll, or by poll through TLS."""
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
