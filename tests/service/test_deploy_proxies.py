"""The proxies of deploy/, in front of a real service and next to another application."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from itertools import chain, product
from time import monotonic, sleep
from typing import Any, NamedTuple

import pytest

from flask_echo.probe.plan import ARRIVAL, FIRST, TRAFFIC
from tests.support.clients import TIMEOUT, UPGRADE, RawWebSocket, close_frame, frame
from tests.support.deployed import (
    DEPLOYMENTS,
    OTHER_HOST,
    OWN_HOST,
    PREFIX,
    Front,
    deployed,
)
from tests.support.h2 import websockets
from tests.support.servers import ROOT, Server, environment
from tests.support.stub import Stub, stub
from tests.support.waiting import wait_until

NAMES = list(DEPLOYMENTS)
# The two places of the service: its host, and the prefix there.
PLACES = [(OWN_HOST, ""), (OTHER_HOST, PREFIX)]
LIAR = "203.0.113.7"
LIES = {
    "X-Forwarded-For": LIAR,
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": f"for={LIAR};host=evil.example;proto=http",
    # gunicorn takes it from a proxy on the same machine, unless it is told not to.
    "SCRIPT_NAME": "/evil",
}
PROBE_SECONDS = 90
# Every check of the probe but the long wait of the idle check.
ALL_GOOD = dict.fromkeys((*ARRIVAL, FIRST, *TRAFFIC), "good")

at_each_place = pytest.mark.parametrize(("host", "prefix"), PLACES, ids=["host", "path"])


class Limits(NamedTuple):
    """What one client may have, as the files say: at once, and in one burst.

    Diagnose needs a burst of 35: 3 for the close codes, and 32 for the load balancing.
    """

    connections: int
    burst: int


LIMITS = {"nginx": Limits(200, 60), "HAProxy": Limits(200, 60), "Caddy": Limits(100, 60)}


class Site(NamedTuple):
    """A proxy with the service and another application behind it."""

    name: str
    front: Front
    service: Server
    application: Stub


@contextmanager
def site(name: str, shutdown_time: str | None = None, **more: Any) -> Iterator[Site]:
    """Start a proxy, and the service with the settings that its file names, and some more."""
    with stub("the application") as application, ExitStack() as stack:
        service = Server("gunicorn", **DEPLOYMENTS[name].settings, **more)
        stack.callback(service.stop)
        front = stack.enter_context(
            deployed(name, service.port, application.server_port, shutdown_time)
        )
        yield Site(name, front, service, application)


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site for the tests that leave it as it is. Each client of a limit has its own address."""
    with site(request.param) as made:
        yield made


@pytest.fixture(params=NAMES)
def own(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site for one test."""
    with site(request.param) as made:
        yield made


def ask(
    connection: HTTPConnection,
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Send a request whose target is as it is here, and return status and body."""
    connection.request(method, target, headers=headers or {})
    response = connection.getresponse()
    return response.status, response.read().decode()


def talk(client: RawWebSocket, text: bytes) -> None:
    client.send(frame(0x81, text))
    assert client.receive().payload == text


def ended(client: RawWebSocket) -> bool:
    """Wait until the stream ends, in whatever way."""
    try:
        client.rest()
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


# -- Conversations -------------------------------------------------------------------------


@at_each_place
def test_the_conversations_pass(shared: Site, host: str, prefix: str) -> None:
    with shared.front.websocket(f"{prefix}/WS.ashx", host) as client:
        assert client.receive().payload == b'"hello from server"'
        client.send(frame(0x81, b"x"))
        assert client.receive().payload == b'"x back"'
    with shared.front.websocket(f"{prefix}/echo", host) as client:
        talk(client, b"hello")
        client.send(close_frame(1000))
        assert client.receive().close_code == 1000


@at_each_place
def test_the_probe_finds_nothing_but_good(shared: Site, host: str, prefix: str) -> None:
    words = [sys.executable, "-m", "flask_echo", "probe", shared.front.url(host, f"{prefix}/")]
    trusted = {"SSL_CERT_FILE": str(shared.front.certificates / "authority.pem")}
    run = subprocess.run(
        [*words, "--json"], env=environment() | trusted,
        cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert {check["check"]: check["verdict"] for check in report["checks"]} == ALL_GOOD, report


def test_the_application_answers_everything_else(shared: Site) -> None:
    with closing(shared.front.http(OTHER_HOST)) as there:
        for path in ("/", "/echo", "/metrics", "/ws-testing"):
            assert ask(there, path) == (200, "the application")
        assert "WebSockets demo" in ask(there, f"{PREFIX}/")[1]
    with closing(shared.front.http(OWN_HOST)) as here:
        assert "WebSockets demo" in ask(here, "/")[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_application_may_have_websockets_too(name: str, server: Server) -> None:
    with (
        deployed(name, server.port, server.port) as front,
        front.websocket("/echo", OTHER_HOST) as client,
    ):
        talk(client, b"hello")


def test_the_prefix_without_its_slash_leads_to_the_page(shared: Site) -> None:
    with closing(shared.front.http(OTHER_HOST)) as connection:
        connection.request("GET", PREFIX)
        response = connection.getresponse()
    assert response.status in (301, 308)
    assert str(response.headers["Location"]).endswith(f"{PREFIX}/")


def test_plain_http_is_redirected(shared: Site) -> None:
    with closing(HTTPConnection("localhost", shared.front.plain_port, timeout=TIMEOUT)) as plain:
        plain.request("GET", "/docs/?a=1")
        response = plain.getresponse()
    assert response.status == 308
    location = str(response.headers["Location"])
    assert location.startswith("https://localhost")
    assert location.endswith("/docs/?a=1")


# -- Headers -------------------------------------------------------------------------------


@at_each_place
def test_what_a_client_says_of_itself_is_not_believed(shared: Site, host: str, prefix: str) -> None:
    source = "127.0.0.9"
    with shared.front.websocket(f"{prefix}/inspect", host, source, headers=LIES) as client:
        text = client.receive().payload.decode()
    report = json.loads(text)
    assert LIAR not in text
    assert "evil" not in text
    assert report["peer"]["client"] == source
    assert report["secure"]
    headers = dict(report["request"]["headers"])
    assert headers["Host"] == f"{host}:{shared.front.port}"
    assert headers.get("X-Forwarded-Prefix", "") == prefix


# -- Metrics -------------------------------------------------------------------------------

SPELLINGS = [
    "/metrics", "//metrics", "/%6detrics", "/x/../metrics", "/./metrics", "/metrics?a=1",
    "/metrics#a", "/metrics#%zz", "/x/%2e%2e/metrics", "/%2Fmetrics", "/x%2F..%2Fmetrics",
    "/%2e/%6D%65trics", "/metrics/",
]  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def before_stubs(request: pytest.FixtureRequest) -> Iterator[tuple[Front, Stub]]:
    """A proxy in front of a stub that would answer everything, also ``/metrics``."""
    with (
        stub("the service") as service,
        stub("the application") as application,
        deployed(request.param, service.server_port, application.server_port) as front,
    ):
        for host, prefix in PLACES:
            with closing(front.http(host)) as connection:
                assert ask(connection, f"{prefix}/elsewhere") == (200, "the service")
        service.targets.clear()
        yield front, service


@at_each_place
def test_metrics_are_refused_in_every_spelling(
    before_stubs: tuple[Front, Stub], host: str, prefix: str
) -> None:
    front, service = before_stubs
    with closing(front.http(host)) as connection:
        for spelling in SPELLINGS:
            path = f"{prefix}{spelling}"
            for target in (path, f"https://{host}:{front.port}{path}"):
                assert ask(connection, target)[0] in (400, 404), target
        for method in ("HEAD", "POST"):
            assert ask(connection, f"{prefix}/metrics", method)[0] == 404
    assert service.targets == []


def test_no_detour_to_the_prefix_leads_to_metrics(before_stubs: tuple[Front, Stub]) -> None:
    front, service = before_stubs
    detours = (f"/{PREFIX}", f"/x/..{PREFIX}", "/%77s-test", f"{PREFIX}/x/..", f"{PREFIX}/")
    with closing(front.http(OTHER_HOST)) as connection:
        for detour, spelling in product(detours, SPELLINGS):
            ask(connection, f"{detour}{spelling}")
    assert service.targets == []


# HAProxy's option to accept what RFC 3986 does not allow in a path, such as "#".
LENIENT = (
    ("    option httplog\n", "    option httplog\n    option accept-invalid-http-request\n"),
)
WITH_FRAGMENTS = ["/metrics#a", "/metrics#/..", "/#/../metrics", "/metrics#/metrics?a", "/?a=#"]


@pytest.mark.parametrize("lines", [(), LENIENT], ids=["as it is", "lenient"])
def test_haproxy_lets_no_fragment_through(lines: tuple[tuple[str, str], ...]) -> None:
    """It refuses them itself, but not with this option, and not in older versions."""
    with (
        stub("the service") as service,
        stub("the application") as application,
        deployed(
            "HAProxy", service.server_port, application.server_port, replacements=lines
        ) as front,
    ):
        for (host, prefix), end in product(PLACES, WITH_FRAGMENTS):
            with closing(front.http(host)) as connection:
                assert ask(connection, f"{prefix}{end}")[0] in (400, 404), end
        with closing(front.http(OTHER_HOST)) as connection:
            assert ask(connection, "/elsewhere#a")[0] == (200 if lines else 400)
    assert service.targets == []


# -- Limits --------------------------------------------------------------------------------


# An upgrade request that the service refuses with 426.
OLD = {name: value for name, value in UPGRADE.items() if name != "Host"}
OLD["Sec-WebSocket-Version"] = "12"


def upgrades(site: Site, host: str, path: str, source: str, count: int) -> list[int]:
    """Send so many upgrade requests in one connection, and return the statuses."""
    with closing(site.front.http(host, source)) as connection:
        return [ask(connection, path, headers=OLD)[0] for _ in range(count)]


@pytest.mark.slow
@at_each_place
def test_one_client_may_ask_for_so_many_upgrades_at_once(
    shared: Site, host: str, prefix: str
) -> None:
    # A flooder of its own for each place, because the places share the limit.
    flooder, other = f"127.0.0.{20 + PLACES.index((host, prefix))}", "127.0.0.29"
    burst = LIMITS[shared.name].burst
    assert set(upgrades(shared, host, f"{prefix}/echo", flooder, burst)) == {426}
    # Twenty at once: on a busy machine, one after the other may be slower than the rate.
    with ThreadPoolExecutor(20) as pool:
        flood = partial(upgrades, shared, host, f"{prefix}/echo", flooder)
        assert 429 in chain.from_iterable(pool.map(flood, [burst] * 20))
    # A client that asks more often than the rate allows gets in, too, one request after the other.
    wait_until(lambda: 426 in flood(5), 30)
    with closing(shared.front.http(host, flooder)) as connection:
        pages = [ask(connection, f"{prefix}/static/favicon.svg")[0] for _ in range(2 * burst)]
    assert set(pages) == {200}
    with shared.front.websocket(f"{prefix}/echo", host, other) as client:
        talk(client, b"hello")


def paced(count: int) -> Iterator[None]:
    """Yield so many times, slower than the rate that every file allows (20 a second)."""
    began = monotonic()
    for number in range(count):
        sleep(max(0.0, began + number / 15 - monotonic()))
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_one_client_may_have_so_many_websockets(name: str) -> None:
    client, other, limits = "127.0.0.30", "127.0.0.31", LIMITS[name]
    # No pings: nobody here answers them.
    with site(name, PING_INTERVAL_SECONDS=0) as made, ExitStack() as stack:
        for _ in paced(limits.connections):
            stack.enter_context(made.front.websocket(source=client))
        for _ in paced(10):
            made.front.websocket(source=client, status=429).sock.close()
        talk(stack.enter_context(made.front.websocket(source=other)), b"hello")


def test_websockets_over_http_2_count_one_by_one() -> None:
    """Of the three, only HAProxy has WebSockets over HTTP/2: many in one TCP connection."""
    burst = LIMITS["HAProxy"].burst
    with site("HAProxy") as made, made.front.secured(OWN_HOST, protocol="h2") as sock:
        statuses = websockets(sock, f"{OWN_HOST}:{made.front.port}", burst + 30)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= burst


# -- Reload, and the end -------------------------------------------------------------------


@pytest.mark.slow
def test_a_new_certificate_is_used_and_an_open_connection_stays(own: Site) -> None:
    with own.front.websocket() as client, own.front.websocket(f"{PREFIX}/echo", OTHER_HOST) as two:
        talk(client, b"before")
        talk(two, b"before")
        renewed = own.front.renew_certificate()
        assert own.front.shown_certificate() != renewed
        own.front.reload()
        wait_until(lambda: own.front.shown_certificate() == renewed)
        talk(client, b"after")
        talk(two, b"after")
        client.send(close_frame(1000))
        assert client.receive().close_code == 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_after_the_stated_time_a_reload_cuts_what_is_open(name: str) -> None:
    """Run with a second instead of an hour. So the time in the file is the one that counts."""
    with site(name, shutdown_time="1s") as made, made.front.websocket() as client:
        talk(client, b"before")
        made.front.renew_certificate()
        made.front.reload()
        client.sock.settimeout(60)  # On a busy machine, a reload takes its time.
        assert ended(client)


@pytest.mark.slow
def test_a_drain_reaches_the_client_as_1001(own: Site) -> None:
    clients = [own.front.websocket(f"{prefix}/echo", host) for host, prefix in PLACES]
    with ExitStack() as stack:
        for client in clients:
            talk(stack.enter_context(client), b"hello")
        own.service.process.terminate()
        for client in clients:
            assert client.receive().close_code == 1001
            client.send(close_frame(1001))
            assert client.rest() == b""
            client.sock.close()
        assert own.service.stop() == 0
