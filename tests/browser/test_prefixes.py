"""The pages behind a proxy that strips a prefix and tells nobody, or that loses what they need."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.browser import Page
from tests.support.nginx import RIGHT, nginx_with
from tests.support.proxy import Faults, Proxy
from tests.support.servers import Server
from tests.support.talk import GREETING
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PREFIX = "/ws-test"
STRIPPING = f"""
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
server {{
    listen 127.0.0.1:PORT;
    {RIGHT}
    location = {PREFIX} {{ proxy_pass http://BACKEND/; }}
    location {PREFIX}/ {{ proxy_pass http://BACKEND/; }}
    location / {{ return 404; }}
}}
"""
# A server that knows the prefix only without its slash.
NO_SLASH = STRIPPING.replace(
    "location / {", f"location = {PREFIX}/ {{ return 301 {PREFIX}; }} location / {{"
)
NO_STATIC = STRIPPING.replace(
    "location / {", f"location {PREFIX}/static/ {{ return 404; }} location / {{"
)
NOSCRIPT = ("xpath", "preceding-sibling::noscript")
NOTICE = "The scripts of this page are not running."


@contextmanager
def bare(server: Server) -> Iterator[str]:
    """A proxy that leaves the rest of the path as it is."""
    with Proxy(server.port, faults=Faults(strip=PREFIX)) as proxy:
        yield proxy.url


@contextmanager
def normalizing(server: Server, servers: str = STRIPPING) -> Iterator[str]:
    """nginx, which decodes the path and merges its slashes."""
    with nginx_with(servers, server.port) as port:
        yield f"http://127.0.0.1:{port}"


Proxied = Callable[[Server], AbstractContextManager[str]]
PROXIES = pytest.mark.parametrize("proxied", [bare, normalizing])


def address(page: Page) -> str:
    return str(page.run("return location.pathname + location.search + location.hash"))


def notice(page: Page) -> str:
    """The visible notice; empty if it is hidden or gone."""
    return str(
        page.run(
            "const notice = document.querySelector('#scripts-missing');"
            "return notice?.checkVisibility({ visibilityProperty: true }) ? notice.innerText : ''"
        )
    )


@PROXIES
@pytest.mark.parametrize(
    ("opened", "shown"),
    [
        ("/ws-test/", "/ws-test/"),
        ("/ws-test/default.html", "/ws-test/default.html"),
        ("/ws-test//", "/ws-test//"),
        ("/ws-test", "/ws-test/"),
        ("/ws-test?a=1#talk", "/ws-test/?a=1#talk"),
    ],
)
def test_the_page_works_below_a_stripped_prefix(
    page: Page, server: Server, proxied: Proxied, opened: str, shown: str
) -> None:
    with proxied(server) as url:
        page.open(opened, url=url)
        page.wait_for_lines(*GREETING)
        assert address(page) == shown
        assert notice(page) == ""
        assert page.take_console_errors() == []
        page.leave()


def test_a_server_that_removes_the_slash_makes_no_loop(page: Page, server: Server) -> None:
    with normalizing(server, NO_SLASH) as url:
        for _ in range(2):
            page.open("/ws-test", url=url)
            wait_until(lambda: NOTICE in notice(page))
            assert address(page) == "/ws-test"
    page.take_console_errors()


@PROXIES
@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/a/b/c",
        "/a/b/",
        "/a%2Fb",
        "/a%2Fb/c",
        "//a",
        "/a//b//c",
        "/a%2F%2Fb//",
        "/%C3%A4",
        "/%FF",
    ],
)
def test_an_unknown_address_has_styles_and_links_that_work(
    page: Page, server: Server, proxied: Proxied, path: str
) -> None:
    with proxied(server) as url:
        page.open(f"{PREFIX}{path}", url=url)
        assert page.text("h1") == "404 Not Found"
        assert styled(page)
        home = f"{url}{PREFIX}/"
        wait_until(lambda: links(page) == {home, f"{home}docs/"})
        (missing,) = page.take_console_errors()
        assert f"{path} - Failed to load resource" in missing  # the page itself
        page.leave()


@PROXIES
def test_a_problem_has_styles_and_links_that_work(
    page: Page, server: Server, proxied: Proxied
) -> None:
    with proxied(server) as url:
        page.open(f"{PREFIX}/echo", url=url)
        assert page.text("h1") == "426 Upgrade Required"
        assert styled(page)
        assert all(link.startswith(f"{url}{PREFIX}/") for link in links(page))
        page.take_console_errors()
        page.leave()


def styled(page: Page) -> bool:
    """Whether the page has the style sheets of all pages."""
    return bool(
        page.run(
            "const look = (selector) => getComputedStyle(document.querySelector(selector));"
            "return look('.about').whiteSpace === 'nowrap'"
            " && look('body > header').display === 'flex'"
        )
    )


def links(page: Page) -> set[str]:
    return set(page.run("return [...document.links].map(({ href }) => href)"))


# The notice


def test_without_its_scripts_the_page_says_so(page: Page, server: Server) -> None:
    with normalizing(server, NO_STATIC) as url:
        page.open("/ws-test/", url=url)
        assert NOTICE in notice(page)
        assert "static/" in notice(page)
    page.take_console_errors()


def test_without_javascript_the_page_says_so_at_once(page: Page) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open()
    assert "needs JavaScript" in page.element("talk").find_element(*NOSCRIPT).text
    assert not page.element("scripts-missing").is_displayed()


def test_without_javascript_and_styles_the_page_says_what_is_missing(page: Page) -> None:
    page.devtools("Network.enable")
    page.devtools("Network.setBlockedURLs", urls=["*/static/*"])
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open()
    assert page.element("scripts-missing").text.startswith(NOTICE)
    page.take_console_errors()


@pytest.mark.parametrize("module", ["common/element.js", "main.js"])
def test_without_one_module_the_page_says_so(page: Page, module: str) -> None:
    page.devtools("Network.enable")
    page.devtools("Network.setBlockedURLs", urls=[f"*/static/js/{module}"])
    page.open()
    wait_until(lambda: NOTICE in notice(page))
    page.take_console_errors()


def test_the_notice_waits_for_slow_scripts(page: Page) -> None:
    page.emulate(1280, 800, "light")  # with reduced motion, where Pico ends all animations at once
    page.devtools("Network.enable")
    page.devtools("Network.setBlockedURLs", urls=["*/main.js"])
    page.open()
    delay = page.run(
        "const notice = document.querySelector('#scripts-missing');"
        "const [animation] = notice.getAnimations();"
        "animation.pause();"
        "animation.currentTime = 2999;"
        "return animation.effect.getTiming().delay"
    )
    assert delay == 3000
    assert notice(page) == ""
    assert page.run("return document.querySelector('#scripts-missing').offsetHeight") == 0
    page.take_console_errors()


def test_with_its_scripts_the_page_has_no_notice(talk: Page) -> None:
    assert talk.run("return document.querySelector('#scripts-missing')") is None
