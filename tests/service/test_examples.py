"""The example applications, under both servers."""

from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from tests.support.clients import TIMEOUT, connected
from tests.support.servers import Server, StartServer


@pytest.fixture(params=["gunicorn", "flask"])
def kind(request: pytest.FixtureRequest) -> str:
    """The server."""
    return str(request.param)


def start(start_server: StartServer, kind: str, app: str) -> Server:
    arguments = ("--config", "python:flask_echo.gunicorn_conf") if kind == "gunicorn" else ()
    return start_server(kind, *arguments, app=app, health="/")


def test_the_echo_returns_text_and_bytes(start_server: StartServer, kind: str) -> None:
    server = start(start_server, kind, "examples.echo:app")
    with connected(server, "/echo") as ws:
        for message in ("héllo", b"\x00\xff"):
            ws.send(message)
            assert ws.receive(timeout=TIMEOUT) == message
    with urlopen(server.url, timeout=TIMEOUT) as page:
        assert b"new WebSocket" in page.read()


def test_a_message_goes_to_everybody_in_its_room(start_server: StartServer, kind: str) -> None:
    server = start(start_server, kind, "examples.chat:app")
    with ExitStack() as stack:
        ann = stack.enter_context(connected(server, "/rooms/tea/ann"))
        assert ann.receive(timeout=TIMEOUT) == "ann has joined"
        stranger = stack.enter_context(connected(server, "/rooms/coffee/eve"))
        assert stranger.receive(timeout=TIMEOUT) == "eve has joined"
        with connected(server, "/rooms/tea/bob") as bob:
            for member in (ann, bob):
                assert member.receive(timeout=TIMEOUT) == "bob has joined"
            bob.send("hello")
            for member in (ann, bob):
                assert member.receive(timeout=TIMEOUT) == "bob: hello"
        assert ann.receive(timeout=TIMEOUT) == "bob has left"
        stranger.send("alone")
        assert stranger.receive(timeout=TIMEOUT) == "eve: alone"
