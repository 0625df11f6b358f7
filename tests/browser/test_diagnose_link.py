"""The link #diagnose?run, which opens the panel and runs all checks.

With `to` it names the address that failed, which is opened first.
"""

import pytest

from tests.support.browser import KEEP_SOCKETS
from tests.support.diagnose import CHECKS, Panel, acceptable
from tests.support.nginx import nginx_with, without_chat
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

OPENED = "return sockets.filter(({ url }) => url.includes('/echo')).length"


def test_the_link_runs_all_checks_at_once(panel: Panel) -> None:
    panel.page.open("/#diagnose?run")
    wait_until(lambda: panel.sentence.startswith("Running"))
    panel.wait_for_end()
    verdicts = {check: panel.part(check, "verdict") for check in CHECKS}
    assert not set(CHECKS) - acceptable(verdicts), verdicts
    assert panel.page.run("return location.hash") == "#diagnose?run"


def test_a_visit_to_another_panel_and_back_does_not_run_again(panel: Panel) -> None:
    page = panel.page
    page.run_before_load(KEEP_SOCKETS)
    page.open("/#diagnose?run")
    panel.wait_for_end()
    opened = page.run(OPENED)
    page.click("tab-talk")
    page.back()
    page.wait_until(lambda: page.element("diagnose").is_displayed(), "the panel")
    page.click("tab-talk")
    page.click("tab-diagnose")
    page.wait_until(lambda: page.element("diagnose").is_displayed(), "the panel")
    assert page.run("return document.querySelector('#diagnose-busy').hidden")
    assert page.run(OPENED) == opened
    assert panel.sentence.startswith("WebSockets work")


def test_the_link_runs_again_when_it_is_followed_again(panel: Panel) -> None:
    page = panel.page
    page.run_before_load(KEEP_SOCKETS)
    page.open("/#diagnose?run")
    panel.wait_for_end()
    opened = page.run(OPENED)
    page.click("tab-talk")
    page.run("location.hash = '#diagnose?run'")
    page.wait_until(lambda: page.run(OPENED) > opened, "another run")
    panel.wait_for_end()


def test_the_link_does_not_disturb_a_run(panel: Panel) -> None:
    panel.open()
    panel.press("throughput")
    panel.page.run("location.hash = '#diagnose?run'")
    panel.page.wait_until(lambda: panel.page.run("return history.state !== null"), "the link")
    panel.wait_for("throughput")
    assert panel.part("throughput", "verdict") in ("good", "notable")
    assert panel.part("connection", "verdict") == "not run yet"


# The address that failed

ADDRESSES = "return sockets.map(({ url }) => url.split(/[?&]trace=/)[0])"


def test_the_address_that_failed_is_opened_first_and_named(panel: Panel, server: Server) -> None:
    page = panel.page
    with nginx_with(without_chat("return 403;"), server.port) as port:
        page.open(url=f"http://127.0.0.1:{port}")
        page.wait_until(lambda: page.element("failure-why").is_displayed(), "the banner")
        page.click("failure-why")
        page.wait_until(lambda: page.focus == "diagnose-status", "the focus on the sentence")
        assert page.run("return location.hash") == "#diagnose?run&to=/WS.ashx"
        panel.wait_for_end()
        assert panel.sentence == "WebSockets work at /echo, but not at /WS.ashx"
        assert panel.found == "connection"
        assert (
            "/echo opens, but /WS.ashx does not. Something in front of the server forbids this"
            " address (403)."
        ) in panel.text("connection")
        assert panel.part("integrity", "verdict") == "good"  # The other checks have run.
        page.leave()
    page.take_console_errors()


def test_the_options_of_the_address_are_left_out(panel: Panel) -> None:
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.page.open("/#diagnose?to=/WS.ashx?what=1")
    assert panel.run("connection") == "good"
    paths = [address.split("/")[-1] for address in panel.page.run(ADDRESSES)]
    assert paths[-2:] == ["WS.ashx", "echo"]


@pytest.mark.parametrize("to", ["ws://127.0.0.1:9/x", "//127.0.0.1:9/x", "somewhere", ""])
def test_only_an_address_of_this_server_is_opened(panel: Panel, server: Server, to: str) -> None:
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.page.open(f"/#diagnose?to={to}", url=server.url)
    assert panel.page.text("#diagnose-link-error") == (
        f"to={to} in the link is not allowed: use an address of this server, such as /WS.ashx."
    )
    assert panel.run("connection") == "good"
    assert all(address.startswith(server.ws_url) for address in panel.page.run(ADDRESSES))


def test_a_path_that_looks_like_another_server_stays_a_path(panel: Panel, server: Server) -> None:
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.page.open("/#diagnose?to=/.///127.0.0.1:9/x", url=server.url)
    assert panel.run("connection") == "bad"
    assert "/echo opens, but ///127.0.0.1:9/x does not." in panel.text("connection")
    assert all(address.startswith(server.ws_url) for address in panel.page.run(ADDRESSES))
    panel.page.take_console_errors()
