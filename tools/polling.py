"""Run the panel Compare once, and put the figures into docs/polling.md: `make polling`."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import click

from tests.support.browser import Page, launch, new_tab
from tests.support.diagnose import CATCH_COPIES
from tests.support.servers import ROOT, Server
from tests.support.tap import Tapped, tap
from tests.support.waiting import wait_until
from tools.header_compression import compressed_sizes
from tools.screenshots import picture

PLACE = ROOT / "docs"
PAGE = PLACE / "polling.md"
BEGIN, END = "<!-- run -->", "<!-- end of run -->"
CHARTS = {
    "bytes": "Bytes of the five ways over time",
    "delays": "The delay of each event, by way",
    "share": "Empty answers: the curve of the theory, and this run",
}
HEAD = re.compile(rb"(?:GET|POST|HTTP/1\.1) [^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n")

# A message of 32 bytes from the browser: 2 bytes of header and 4 of mask (RFC 6455, section 5.2).
PAYLOAD_BYTES = 32
FRAME_BYTES = 2 + 4 + PAYLOAD_BYTES
POST = f"fetch('events', {{method: 'POST', body: 'x'.repeat({PAYLOAD_BYTES})}}).then(arguments[0])"


class Heads(NamedTuple):
    """The heads of the polls of one connection, in order."""

    requests: list[bytes]
    responses: list[bytes]


@click.command()
@click.option("--seconds", type=click.Choice(["30", "60", "180", "600"]), default="600")
def main(seconds: str) -> None:
    """Compare the five ways with the case of the article: events every 10 s, a poll each second."""
    server = Server("gunicorn")
    try:
        with tap(server.port) as tapped, launch() as driver, new_tab(driver, server.url) as page:
            page.emulate(1280, 1000, "light")
            page.run_before_load(CATCH_COPIES)
            page.open("/#compare", url=f"http://127.0.0.1:{tapped.port}")
            text = compare(page, seconds)
            take_charts(page)
            page.run_async(POST)
            page.take_console_errors()  # The POST gets 405.
    finally:
        server.stop()
    write(text, compressed(tapped.connections), post_bytes(tapped.connections))


def compare(page: Page, seconds: str) -> str:
    """Run the comparison, and return it as Markdown."""
    page.click("compare-article")
    page.run("document.querySelector('#compare-seconds').value = arguments[0]", seconds)
    page.click("compare-start")
    wait_until(lambda: page.is_enabled("compare-copy"), float(seconds) + 60)
    page.click("compare-copy")
    page.wait_until(lambda: page.text("#compare-copied") == "Copied.", "the copy")
    return str(page.run("return copied"))


def take_charts(page: Page) -> None:
    """Write a picture of each chart."""
    for name in CHARTS:
        place = page.element(f"compare-{name}")
        (PLACE / f"polling-{name}.png").write_bytes(picture(page, place))


def compressed(connections: Iterable[Tapped]) -> str:
    """Return a table: what the heads of the polls would take in HTTP/2."""
    rows = [
        "| way | request in HTTP/1.1 | in HTTP/2 | response in HTTP/1.1 | in HTTP/2 |",
        "|---|---|---|---|---|",
    ]
    heads = poll_heads(connections)
    for name, conditional in (("polling", False), ("conditional polling", True)):
        chosen = [
            pair
            for pair in zip(heads.requests, heads.responses, strict=True)
            if (b"if-none-match" in pair[0].lower()) is conditional
        ]
        cells = [cell for side in zip(*chosen, strict=True) for cell in sizes(side)]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def sizes(heads: Iterable[bytes]) -> tuple[str, str]:
    """Return the mean length of later heads, as they were and compressed. The first is larger."""
    heads = list(heads)
    packed = list(compressed_sizes(heads))
    plain = sum(map(len, heads[1:])) / len(heads[1:])
    return (
        f"{plain:.0f} bytes",
        f"{sum(packed[1:]) / len(packed[1:]):.0f} bytes (the first: {packed[0]})",
    )


def poll_heads(connections: Iterable[Tapped]) -> Heads:
    """Return the heads of all polls that wait for nothing, with those of their answers.

    In HTTP/2 all requests of a page go over one connection.
    """
    found = Heads([], [])
    for connection in connections:
        requests = HEAD.findall(bytes(connection.request))
        responses = HEAD.findall(bytes(connection.response))
        for request, response in zip(requests, responses, strict=False):
            line = request.split(b"\r\n")[0]
            if b"since=" in line and b"wait=" not in line and b"Echo-Cost" in response:
                found.requests.append(request)
                found.responses.append(response)
    return found


def post_bytes(connections: Iterable[Tapped]) -> int:
    """Return the length of the POST: its head and its body."""
    streams = b"".join(bytes(connection.request) for connection in connections)
    (head,) = [head for head in HEAD.findall(streams) if head.startswith(b"POST ")]
    return len(head) + PAYLOAD_BYTES


def write(text: str, table: str, post: int) -> None:
    """Replace the run in docs/polling.md."""
    _, *lines = text.strip().split("\n")  # Its heading has the address of the tap.
    pictures = [f"![{alt}](polling-{name}.png)" for name, alt in CHARTS.items()]
    block = "\n".join(
        [
            BEGIN,
            *lines,
            "",
            *pictures,
            "",
            "### HTTP/2, computed",
            "",
            "The heads of the polls of this run, encoded with HPACK (RFC 7541) by the package",
            "hpack, with 9 bytes for the header of each frame. This is computed, not measured: the",
            "service speaks HTTP/1.1. Behind a proxy that speaks HTTP/2, the browser's side looks",
            "like this. A body has 9 bytes more, for its own frame.",
            "",
            table,
            "",
            "### The other direction",
            "",
            f"A message of {PAYLOAD_BYTES} bytes from the browser took {post} bytes as a POST, as",
            f"sent in this run, and without its response. It takes {FRAME_BYTES} bytes as a masked",
            "frame.",
            END,
        ]
    )
    page = PAGE.read_text()
    start, end = page.index(BEGIN), page.index(END) + len(END)
    PAGE.write_text(page[:start] + block + page[end:])


if __name__ == "__main__":
    main()
