"""The client code in the panel Learn: each client is run."""

import subprocess
import sys
from collections.abc import Iterator
from threading import Thread
from typing import NamedTuple
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.support.browser import Page
from tests.support.diagnose import CATCH_COPIES
from tests.support.keys import RIGHT
from tests.support.learn import CLIENTS, EXAMPLE, facts, learn, note
from tests.support.required import program
from tests.support.servers import Server
from tests.support.talk import choose, say

pytestmark = pytest.mark.slow

# All that a shell, JavaScript or Python might take for something else.
NASTY = "/it's/$HOME/%41&b;c(d)!~?q=`id`&r=\\&s={1,2}[3]$(id)%"

KEEP_LOGGED = """
window.logged = [];
console.log = (...words) => logged.push(words.join(" "));
"""


class Other(NamedTuple):
    """Another server, and the paths that were asked for."""

    url: str
    paths: list[str]


@pytest.fixture
def other() -> Iterator[Other]:
    """An echo at every path."""
    paths: list[str] = []

    def echo(ws: ServerConnection) -> None:
        assert ws.request is not None
        paths.append(ws.request.path)
        try:
            for message in ws:
                ws.send(message)
        except ConnectionClosed:
            return  # curl leaves without a goodbye

    with serve(echo, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Other(f"ws://127.0.0.1:{server.socket.getsockname()[1]}", paths)
        server.shutdown()
        thread.join()


def learn_for(page: Page, to: str, more: str = "") -> None:
    """Open Learn with the code for an address."""
    page.open(f"/#talk?to={quote(to)}{more}")
    page.wait_until(lambda: page.element("talk").is_displayed(), "Talk")
    learn(page)


def code(page: Page, client: str) -> str:
    return str(
        page.run(
            "const blocks = [...document.querySelectorAll('#learn-code .copyable')];"
            "const names = blocks.map((block) => block.querySelector('strong').textContent);"
            "return blocks[names.indexOf(arguments[0])].querySelector('pre').textContent",
            client,
        )
    )


def run(words: list[str]) -> str:
    """Run a client to its end, and return all that it writes."""
    ended = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False
    )
    return ended.stdout


def output(page: Page, client: str, reply: str) -> str:
    """Run the code that the page shows for a client, until it has received a reply."""
    lines = code(page, client)
    assert "trace" not in lines
    if client == "Python":
        return run([sys.executable, "-c", lines])
    if client == "curl":
        program("curl")
        return run([program("bash"), "-c", lines])
    page.run(KEEP_LOGGED)
    page.devtools("Runtime.evaluate", expression=lines, replMode=True)  # as the console does
    page.wait_until(lambda: reply in page.run("return logged"), f"{reply} in the console")
    return "\n".join(page.run("return logged"))


def check(page: Page, client: str, reply: str, *, subprotocol: str | None = None) -> None:
    """Run the code for a client, and check that it does what it should."""
    found = output(page, client, reply)
    if client != "curl":
        assert reply in found.splitlines()
        return
    assert "HTTP/1.1 101 " in found
    # The answer to the key of RFC 6455, section 1.3.
    accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="
    assert accept in found.lower()
    if subprotocol:
        assert f"sec-websocket-protocol: {subprotocol}" in found.lower()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("to", "reply"),
    [("/echo", "received: Hello"), ("/WS.ashx", 'received: "Hello back"')],
)
def test_the_code_of_each_client_works(page: Page, client: str, to: str, reply: str) -> None:
    learn_for(page, to)
    assert len(code(page, client).splitlines()) <= 12
    check(page, client, reply)


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_the_code_of_each_client_offers_the_subprotocols(page: Page, client: str) -> None:
    learn_for(page, "/echo?subprotocol=it's", "&protocols=chat,it's")
    assert "chat" in code(page, client)
    check(page, client, "received: Hello", subprotocol="it's")


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_the_code_of_each_client_keeps_every_character_of_the_address(
    other: Other, page: Page, client: str
) -> None:
    learn_for(page, other.url + NASTY)
    check(page, client, "received: Hello")
    assert other.paths == [NASTY]


def test_the_address_of_another_server_has_no_frames(other: Other, page: Page) -> None:
    page.open(f"/#talk?to={quote(other.url)}/")
    page.click("connect")
    page.wait_for_state("open")
    say(page, "hi")
    page.wait_until(lambda: page.lines[-1] == "<<< hi", "an echo")
    learn(page)
    assert note(page) == (f"Only the server sees frames, and this is another server. {EXAMPLE}")
    assert facts(page, "opening")["Address"] == f"{other.url}/"
    page.leave()


def test_the_simplest_code_offers_no_subprotocol(page: Page, server: Server) -> None:
    learn_for(page, "/echo")
    assert f'new WebSocket("{server.ws_url}/echo");' in code(page, "Browser")
    assert f'Client("{server.ws_url}/echo")' in code(page, "Python")
    assert "Protocol" not in code(page, "curl")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"to": "nonsense"}, "The address in Talk is not valid, so there is no code for it."),
        (
            {"protocols": "two words"},
            "The subprotocols in Talk are not valid, so there is no code for them."
            " “two words” is not a valid subprotocol name.",
        ),
    ],
)
def test_without_a_valid_address_there_is_a_sentence_instead_of_code(
    talk: Page, option: dict[str, str], sentence: str
) -> None:
    choose(talk, **option)
    learn(talk)
    assert talk.text("#learn-code-problem") == sentence
    assert talk.text("#learn-code") == ""
    talk.click("tab-talk")
    choose(talk, to="/echo", protocols="")
    learn(talk)
    assert talk.text("#learn-code-problem") == ""
    assert "/echo" in code(talk, "curl")


def test_the_code_is_copied_and_the_chosen_client_stays(page: Page) -> None:
    page.run_before_load(CATCH_COPIES)
    learn_for(page, "/echo")
    page.run("document.querySelector('#learn-code [role=tab]').focus()")
    page.press(RIGHT)
    page.click("tab-talk")
    learn(page)
    shown = (
        "[...document.querySelectorAll('#learn-code .copyable')].find((e) => e.checkVisibility())"
    )
    page.run(f"{shown}.querySelector('button').click()")
    page.wait_until(lambda: page.run(f"return {shown}.innerText.includes('Copied.')"), "the copy")
    assert page.run("return window.copied") == code(page, "Python")
