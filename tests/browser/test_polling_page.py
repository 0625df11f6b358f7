"""docs/polling.md shows the code of five clients. Each of them works, also after a restart."""

import re
import sys

import pytest

from flask_echo.events.stream import Stream
from tests.support.browser import Page
from tests.support.servers import ROOT, Server, StartServer

NAMES = ["polling", "conditional", "long", "sse", "websocket"]
SNIPPETS = re.findall(r"```js\n(.*?)```", (ROOT / "docs/polling.md").read_text(), re.DOTALL)
MEAN = "0.1"


def start_again(start_server: StartServer, port: int) -> Server:
    words = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"]
    return start_server("gunicorn", words=words, port=port)


def followed(page: Page) -> list[str]:
    return list(page.run("return window.followed"))


def test_there_is_one_for_each_way() -> None:
    assert len(SNIPPETS) == len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=NAMES)
def test_the_client_loses_and_repeats_nothing(
    snippet: str, page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    page.open("/", url=server.url)
    url = f"{server.url}/events?stream=docs&mean={MEAN}"
    page.run(
        f"{snippet}\nwindow.followed = [];"
        f"follow('{url}', (event) => window.followed.push(event.id));"
    )
    page.wait_until(lambda: len(followed(page)) >= 10, "events")
    server.stop()
    before = len(followed(page))
    start_again(start_server, server.port)
    page.wait_until(lambda: len(followed(page)) >= before + 10, "events after the restart")
    assert_without_gap(followed(page))
    page.devtools("Page.navigate", url="about:blank")
    # The browser reports the requests that failed while the server was away.
    assert all("/events?" in error for error in page.take_console_errors())


def assert_without_gap(cursors: list[str]) -> None:
    stream = Stream("docs", MEAN)
    positions = [stream.position(cursor) for cursor in cursors]
    assert positions == stream.between(positions[0] - 1, positions[-1])
