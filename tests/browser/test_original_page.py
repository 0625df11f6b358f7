"""An unchanged page from 2013, served from another origin, talks to the server."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.browser import launch, new_tab
from tests.support.servers import Server

PAGE = """<!doctype html><title>A page of 2013</title><pre id="messages"></pre><script>
  var sent = [], socket = new WebSocket("ws://localhost:%d/WS.ashx");
  function say(line) { document.getElementById("messages").textContent += line + "\\n"; }
  socket.onopen = function () { say("### connection open"); };
  socket.onclose = function () { say("### connection closed"); };
  socket.onmessage = function (message) {
    var data = JSON.parse(message.data);
    say("<<< " + data);
    if (sent.length < 2) { sent.push(data); say(">>> " + sent.length); socket.send(sent.length); }
    else socket.close();
  };
</script>"""


@pytest.fixture
def other_origin(server: Server) -> Iterator[str]:
    """A server with one page and no WebSockets."""

    class OnePage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE % server.port if self.path == "/" else ""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), OnePage) as other:
        thread = Thread(target=other.serve_forever)
        thread.start()
        yield f"http://localhost:{other.server_port}"
        other.shutdown()
        thread.join()


def test_the_original_page_converses_from_another_origin(other_origin: str) -> None:
    with launch() as driver, new_tab(driver, other_origin) as page:
        page.open()
        page.wait_for_lines(
            "### connection open",
            "<<< hello from server",
            ">>> 1",
            "<<< 1 back",
            ">>> 2",
            "<<< 2 back",
            "### connection closed",
        )
        assert page.take_console_errors() == []
