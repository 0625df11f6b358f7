"""Fixtures: real servers, one of each kind for the session, and more on demand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers import Server

StartServer = Callable[..., Server]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start servers of a test's own; they end with the test."""
    with ExitStack() as stack:

        def start(kind: str, *arguments: str, **settings: object) -> Server:
            server = Server(kind, *arguments, **settings)
            stack.callback(server.stop)
            return server

        yield start


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
