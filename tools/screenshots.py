"""Take the pictures for the README and docs/story.md: `make screenshots`."""

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from selenium.webdriver.remote.webelement import WebElement

from tests.support.browser import Page, launch, new_tab
from tests.support.keys import ENTER
from tests.support.nginx import FORGETFUL, RIGHT, nginx
from tests.support.proxy import Faults, Proxy
from tests.support.servers import ROOT, Server
from tests.support.waiting import wait_until

SECONDS = 300  # The idle check waits for two cuts.


def talk(page: Page) -> None:
    """Have a short conversation."""
    page.wait_for_state("open")
    page.wait_until(lambda: page.lines[-1] == "<<< hello from server", "the greeting")
    for sent, text in enumerate(("hello", "how long does it take?", "and now?"), 1):
        page.element("message").send_keys(text + ENTER)
        wait_for_replies(page, sent)


def wait_for_replies(page: Page, count: int) -> None:
    page.wait_until(lambda: page.element("replies").text == str(count), f"reply {count}")


def handshake(page: Page) -> None:
    """Wait for the handshake, which starts by itself."""
    page.wait_until(page.element("handshake-result").is_displayed, "the report")


def compare(page: Page) -> None:
    """Compare the five ways for half a minute."""
    page.run(
        "document.querySelector('#compare-mean').value = 1;"
        "document.querySelector('#compare-seconds').value = 30;"
    )
    page.click("compare-start")
    wait_until(lambda: page.is_enabled("compare-copy"), SECONDS)
    page.run("document.querySelector('#compare-results').scrollIntoView()")


def diagnose(page: Page) -> None:
    """Run all checks."""
    page.click("diagnose-run")
    wait_until(lambda: not page.element("diagnose-busy").is_displayed(), SECONDS)
    page.run("window.scrollTo(0, 0)")


PICTURES: dict[str, tuple[str, int, int, Callable[[Page], None]]] = {
    "page": ("talk", 1280, 800, talk),
    "phone": ("talk", 390, 844, talk),
    "handshake": ("handshake", 1280, 1000, handshake),
    "compare": ("compare", 1280, 1000, compare),
    "diagnose": ("diagnose", 1280, 1000, diagnose),
}


@contextmanager
def limited(server: Server) -> Iterator[str]:
    """A proxy that cuts a connection at a message of more than 64 KiB."""
    with Proxy(server.port, faults=Faults(message_limit=65536)) as proxy:
        yield proxy.url


@contextmanager
def behind_nginx(server: Server, directives: str) -> Iterator[str]:
    with nginx(server.port, directives) as port:
        yield f"http://127.0.0.1:{port}"


# The pictures of docs/story.md: a check, and the proxy whose fault it finds.
STORY: dict[str, tuple[str, Callable[[Server], AbstractContextManager[str]]]] = {
    "story-headers": ("connection", lambda server: behind_nginx(server, FORGETFUL)),
    "story-idle": ("idle", lambda server: behind_nginx(server, RIGHT)),
    "story-size": ("message-size", limited),
}


def take(place: Path) -> None:
    """Write all pictures to ``place``."""
    with ExitStack() as stack:
        server = Server("gunicorn")
        stack.callback(server.stop)
        page = stack.enter_context(new_tab(stack.enter_context(launch()), server.url))
        take_panels(page, place)
        take_story(page, place, server)


def take_panels(page: Page, place: Path) -> None:
    """Write a picture of each panel, in light and dark."""
    for name, (panel, width, height, prepare) in PICTURES.items():
        for scheme in ("light", "dark"):
            page.emulate(width, height, scheme)
            page.open(f"/?{name}{scheme}#{panel}")
            prepare(page)
            shot = page.devtools("Page.captureScreenshot")["data"]
            dark = "-dark" if scheme == "dark" else ""
            (place / f"{name}{dark}.png").write_bytes(base64.b64decode(shot))


def take_story(page: Page, place: Path, server: Server) -> None:
    """Write a picture of each result in the story, and print its text."""
    page.emulate(900, 1000, "light")
    for name, (check, in_between) in STORY.items():
        with in_between(server) as url:
            page.open("/#diagnose", url=url)
            if check == "idle":  # the story says that all other checks are good
                diagnose(page)
                status = page.element("diagnose-status").text
                assert status == "WebSockets work here", page.element("diagnose").text
            finding = run_check(page, check)
            print(finding.text, end="\n\n")
            (place / f"{name}.png").write_bytes(picture(page, finding))


def run_check(page: Page, check: str) -> WebElement:
    """Run one check, and return what it has found."""
    page.run("document.querySelector(`#check-${arguments[0]} .run`).click()", check)
    finding = page.element("diagnose-finding")
    wait_until(finding.is_displayed, SECONDS)
    assert finding.get_attribute("data-check") == check
    return finding


def picture(page: Page, element: WebElement) -> bytes:
    """Take a picture of an element with a margin, also outside the window."""
    box = page.run(
        "const { x, y, width, height } = arguments[0].getBoundingClientRect();"
        "return { x: x - 20, y: y + scrollY - 10, width: width + 40, height: height + 20 }",
        element,
    )
    shot = page.devtools(
        "Page.captureScreenshot", clip={**box, "scale": 1}, captureBeyondViewport=True
    )
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    take(ROOT / "docs")
