"""From the fault to the cure with nothing but what the page says."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.matrix.backends import Backends
from tests.matrix.cell import lines_of, proxied
from tests.support.browser import Page
from tests.support.diagnose import Panel
from tests.support.products import PRODUCTS

pytestmark = pytest.mark.slow

FAULTS = [
    ("nginx", "http-1.0", "connection"),
    ("nginx", "upgrade-not-passed-on", "connection"),
    ("nginx", "host-changed", "host"),
    ("Apache", "path-not-routed", "connection"),
    ("HAProxy", "server-down", "connection"),
    ("lighttpd", "upgrade-not-passed-on", "connection"),
    ("Varnish", "proxy-403", "connection"),
]


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with ExitStack() as stack:
        yield Backends(tmp_path_factory.mktemp("backends"), stack)


@pytest.mark.parametrize(("product", "fault", "check"), FAULTS)
def test_the_lines_on_the_page_mend_the_proxy(
    page: Page, backends: Backends, product: str, fault: str, check: str
) -> None:
    panel, words = Panel(page), backends.words(fault)
    with proxied(product, lines_of(product, fault), words) as proxy:
        panel.open(f"http://127.0.0.1:{proxy.port}")
        assert panel.run(check) in ("bad", "notable")
        cure = panel.cures(check)[product]
        page.leave()
    pasted = PRODUCTS[product].cured[fault].replace("CURE", cure)
    with proxied(product, pasted, words) as proxy:
        panel.open(f"http://127.0.0.1:{proxy.port}")
        verdicts = {name: panel.run(name) for name in {"connection", "host", check}}
        assert set(verdicts.values()) == {"good"}, verdicts
        page.leave()
    page.take_console_errors()
