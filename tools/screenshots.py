"""Take the pictures of the README from the real page: `make screenshots`."""

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

SECONDS = 90  # for the whole diagnosis


def talk(page: Page) -> None:
    """A short conversation."""
    page.wait_for_state("open")
    page.wait_until(lambda: page.lines[-1] == "<<< hello from server", "the greeting")
    for said, text in enumerate(("hello", "how long does it take?", "and now?"), 1):
        page.element("message").send_keys(text + ENTER)
        wait_for_answers(page, said)


def wait_for_answers(page: Page, count: int) -> None:
    page.wait_until(lambda: page.element("replies").text == str(count), f"answer {count}")


def handshake(page: Page) -> None:
    """A handshake that has been had."""
    page.wait_until(page.element("handshake-result").is_displayed, "the report")


def diagnose(page: Page) -> None:
    """A diagnosis that is done."""
    page.click("diagnose-run")
    wait_until(lambda: page.is_enabled("diagnose-copy"), SECONDS)
    page.run("window.scrollTo(0, 0)")


PICTURES: dict[str, tuple[str, int, int, Callable[[Page], None]]] = {
    "page": ("talk", 1280, 800, talk),
    "phone": ("talk", 390, 844, talk),
    "handshake": ("handshake", 1280, 1000, handshake),
    "diagnose": ("diagnose", 1280, 1000, diagnose),
}


@contextmanager
def limited(server: Server) -> Iterator[str]:
    """A proxy that cuts a connection on which a message of more than 64 KiB comes."""
    with Proxy(server.port, faults=Faults(message_limit=65536)) as proxy:
        yield proxy.url


@contextmanager
def behind_nginx(server: Server, directives: str) -> Iterator[str]:
    with nginx(server.port, directives) as port:
        yield f"http://127.0.0.1:{port}"


# What docs/story.md shows: the check that finds it, and what is in the way.
STORY: dict[str, tuple[str, Callable[[Server], AbstractContextManager[str]]]] = {
    "story-headers": ("handshake-time", lambda server: behind_nginx(server, FORGETFUL)),
    "story-idle": ("idle", lambda server: behind_nginx(server, RIGHT)),
    "story-size": ("message-size", limited),
}


def take(place: Path) -> None:
    """Write each picture of the page, in light and in dark, to ``place``."""
    with ExitStack() as stack:
        server = Server("gunicorn")
        stack.callback(server.stop)
        page = stack.enter_context(new_tab(stack.enter_context(launch()), server.url))
        for name, (panel, width, height, prepare) in PICTURES.items():
            for scheme in ("light", "dark"):
                page.emulate(width, height, scheme)
                page.open(f"/?{name}{scheme}#{panel}")
                prepare(page)
                shot = page.devtools("Page.captureScreenshot")["data"]
                dark = "-dark" if scheme == "dark" else ""
                (place / f"{name}{dark}.png").write_bytes(base64.b64decode(shot))
        page.emulate(900, 1000, "light")
        for name, (check, in_between) in STORY.items():
            with in_between(server) as url:
                (place / f"{name}.png").write_bytes(verdict(page, url, check))


def verdict(page: Page, url: str, check: str) -> bytes:
    """Run one check of the diagnosis, and take the picture of what it says."""
    page.open("/#diagnose", url=url)
    if check == "idle":  # The one that finds something where all others are good.
        diagnose(page)
        status = page.element("diagnose-status").text
        assert status == "9 good", page.element("diagnose").text
    row = page.element(f"check-{check}")
    row.find_element("class name", "run").click()
    state = row.find_element("class name", "verdict")
    wait_until(lambda: state.text.lower() in ("good", "notable", "bad"), SECONDS)
    print(row.text, end="\n\n")
    return picture(page, row)


def picture(page: Page, element: WebElement) -> bytes:
    """An element with a margin, wherever in the page it is."""
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
