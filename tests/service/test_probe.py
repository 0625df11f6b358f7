"""flask-echo probe: against this service, other servers, and no server at all."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import trustme

from flask_echo.probe import plan
from flask_echo.probe.checks import CHECKS
from flask_echo.probe.target import BadAddress, parse
from tests.matrix.backends import silent
from tests.support.echoes import OTHERS, other_server
from tests.support.nginx import FORGETFUL, nginx
from tests.support.proxy import NO_BYTE_255, Faults, Proxy
from tests.support.servers import (
    ROOT,
    WITHOUT_WEBSOCKETS,
    Server,
    StartServer,
    environment,
    port_of_nobody,
)

SECONDS = 60
# Beginnings of answers that never end. The first is a TLS record of 16 KiB.
TRICKLES = {
    "handshake": b"\x16\x03\x03\x40\x00",
    "head": b"HTTP/1.1 200 OK\r\nX: ",
    "body": b"HTTP/1.1 200 OK\r\n\r\n",
}
# What a run without the idle check says of a good server of ours.
GOOD = [
    *("connection", "path", "host", "origin", "compression", "round-trip", "integrity"),
    *("message-size", "close-codes", "several"),
]


def probe(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "flask_echo", "probe", *words],
        cwd=ROOT, env=environment() | variables, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip


def verdicts(*words: str, **variables: str) -> dict[str, dict[str, Any]]:
    """The verdict of each check, by its name."""
    run = probe(*words, "--json", **variables)
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    assert report["exit_code"] == run.returncode
    return {check["check"]: check for check in report["checks"]}


# -- Good servers --------------------------------------------------------------------------


def test_a_good_server_is_good(server: Server) -> None:
    found = verdicts(server.url + "/")
    assert list(found) == GOOD
    assert {check["verdict"] for check in found.values()} == {"good"}, found


def test_people_see_a_line_for_each_check(server: Server) -> None:
    run = probe(server.url + "/", "--only", "path,round-trip")
    assert run.returncode == 0
    assert run.stdout.startswith(f"Probing {server.ws_url}/echo\n")
    assert [line.split()[1] for line in run.stdout.splitlines()[2:]] == [
        "connection",
        "path",
        "round-trip",
    ]
    assert run.stderr == ""


def test_json_is_alone_on_stdout_and_progress_on_stderr(server: Server) -> None:
    run = probe(server.ws_url + "/echo", "--json", "--only", "path")
    assert json.loads(run.stdout)["url"] == f"{server.ws_url}/echo"
    assert run.stderr.split() == ["connection"]


def test_junit_has_a_case_for_each_check(server: Server) -> None:
    suite = Xml.fromstring(probe(server.url, "--junit", "--only", "path").stdout)
    assert [case.get("name") for case in suite] == ["connection", "path"]
    assert suite.get("failures") == "0"


def test_a_failure_is_one_in_junit_and_markdown() -> None:
    with port_of_nobody() as port:
        url = f"ws://127.0.0.1:{port}/echo"
        suite = Xml.fromstring(probe(url, "--junit", "--only", "path").stdout)
        text = probe(url, "--markdown").stdout
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "nobody-listens"
    assert "| connection | \u274c bad | The machine answers, but nobody listens" in text


@pytest.mark.slow
def test_an_idle_connection_that_stays_is_good(server: Server) -> None:
    found = verdicts(server.url, "--idle", "3", "--only", "idle")
    assert found["idle"]["id"] == "idle"


@pytest.mark.slow
def test_the_idle_time_out_of_the_service_is_its_own(start_server: StartServer) -> None:
    server = start_server("gunicorn", IDLE_TIMEOUT_SECONDS=1)
    found = verdicts(server.url, "--idle", "6", "--only", "idle")
    assert (found["idle"]["id"], found["idle"]["place"]) == ("closed-by-server", "service")


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_another_server_is_tested_without_what_needs_ours(kind: str) -> None:
    with other_server(kind) as url:
        found = verdicts(url)
    assert found["connection"]["id"] == "open"
    assert found["path"]["verdict"] == "unknown"
    assert "another server" in found["path"]["meaning"]
    assert found["close-codes"]["verdict"] == "skipped"
    assert {found[name]["verdict"] for name in ("round-trip", "integrity", "several")} == {"good"}
    assert found["message-size"]["id"] in ("sizes", "server-limit")


# -- No WebSocket --------------------------------------------------------------------------


def test_a_plain_web_server_opens_no_websocket() -> None:
    with other_server("web") as url:
        run = probe(url, "--json")
        found = {check["check"]: check for check in json.loads(run.stdout)["checks"]}
    assert run.returncode == 1
    assert (found["connection"]["id"], found["connection"]["place"]) == ("no-websocket", "server")
    assert {found[check.name]["verdict"] for check in CHECKS} == {"skipped"}


def test_a_name_that_dns_does_not_know_is_named() -> None:
    found = verdicts("ws://nowhere.invalid/echo")
    assert found["connection"]["id"] == "name-unknown"


def test_a_port_where_nobody_listens_is_named() -> None:
    with port_of_nobody() as port:
        found = verdicts(f"ws://127.0.0.1:{port}/echo")
    assert found["connection"]["id"] == "nobody-listens"


@pytest.mark.slow
def test_a_server_that_never_answers_does_not_hold_the_probe() -> None:
    with silent() as port:
        began = monotonic()
        run = probe(f"ws://127.0.0.1:{port}/echo", "--json", "--timeout", "30")
    assert run.returncode == 1
    assert json.loads(run.stdout)["seconds"] < 40, monotonic() - began


def test_a_redirect_is_shown_and_not_followed() -> None:
    with answering(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n") as (port, asked):
        found = verdicts(f"ws://127.0.0.1:{port}/echo")
    assert found["connection"]["id"] == "proxy-301"
    assert asked


def test_a_server_that_greets_and_does_not_echo_is_not_accused(server: Server) -> None:
    found = verdicts(f"{server.ws_url}/WS.ashx")
    assert found["connection"]["id"] == "open"
    for name in ("round-trip", "integrity", "message-size"):
        assert found[name]["meaning"] == "This WebSocket does not return what it gets."
    assert {check["verdict"] for check in found.values()} == {"good", "skipped"}


@pytest.mark.slow
def test_a_slow_line_is_no_limit_on_the_size(server: Server) -> None:
    with Proxy(server.port, faults=Faults(bytes_per_second=120_000)) as proxy:
        found = verdicts(proxy.url, "--only", "message-size")
    assert found["message-size"]["id"] == "sizes-slow"


@pytest.mark.slow
def test_a_limit_on_the_size_is_found(server: Server) -> None:
    with Proxy(server.port, faults=Faults(message_limit=100_000)) as proxy:
        found = verdicts(proxy.url, "--only", "message-size")
    assert found["message-size"]["id"] == "message-size"


def test_changed_bytes_are_found(server: Server) -> None:
    with Proxy(server.port, faults=Faults(spoil=NO_BYTE_255)) as proxy:
        found = verdicts(proxy.url, "--only", "integrity")
    assert found["integrity"]["id"] == "bytes-changed"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["handshake", "head", "body"])
def test_a_server_that_answers_byte_by_byte_does_not_hold_the_probe(kind: str) -> None:
    scheme = "wss" if kind == "handshake" else "ws"
    with trickling(TRICKLES[kind]) as port:
        run = probe(f"{scheme}://127.0.0.1:{port}/echo", "--json", "--timeout", "1")
    assert run.returncode == 1
    assert json.loads(run.stdout)["seconds"] < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\xff\xfe{[[[[[[",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nFlask-Echo: 1\r\n\r\n" + b"[" * 60_000,
        b'HTTP/1.1 404 No\r\nFlask-Echo: 1\r\n\r\n{"attempts": [1], "store": 1, "arrived": ["a"]}',
    ],
)
def test_an_odd_server_is_judged_without_a_traceback(answer: bytes) -> None:
    with answering(answer) as (port, _):
        run = probe(f"ws://127.0.0.1:{port}/echo", "--json")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert json.loads(run.stdout)["checks"][0]["check"] == "connection"


@contextmanager
def trickling(head: bytes) -> Iterator[int]:
    """Answer with ``head``, and then one byte for each tenth of a second; yield the port."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:

        def trickle(sock: socket.socket) -> None:
            with suppress(OSError):
                sock.recv(65_536)
                sock.sendall(head)
                while not done.wait(0.1):
                    sock.sendall(b"x")

        def serve() -> None:
            with suppress(OSError):  # The listener is closed at the end.
                while True:
                    sock = stack.enter_context(listener.accept()[0])
                    threading.Thread(target=trickle, args=(sock,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


# -- Parts of the server that are turned off -----------------------------------------------

TURNED_OFF = [
    {"REHEARSALS": "false"},
    {"INSPECT": "false"},
    {"EVENTS": "false"},
    {"TRACES": "off"},
    {"REHEARSALS": "false", "INSPECT": "false", "EVENTS": "false", "TRACES": "off"},
]


@pytest.mark.slow
@pytest.mark.parametrize("settings", TURNED_OFF, ids=lambda settings: "+".join(settings))
def test_a_switch_of_the_server_accuses_nobody(
    start_server: StartServer, settings: dict[str, str]
) -> None:
    server = start_server("gunicorn", **settings)
    found = verdicts(server.url)
    by_trace = ["origin"] if "TRACES" in settings else []
    by_faults = ["close-codes"] if "REHEARSALS" in settings else []
    expected = {
        **dict.fromkeys(GOOD, "good"),
        **dict.fromkeys(by_trace, "unknown"),
        **dict.fromkeys(by_faults, "skipped"),
    }
    assert {name: check["verdict"] for name, check in found.items()} == expected, found
    assert all("turned off" in found[name]["meaning"] for name in by_faults)


def test_without_fault_simulation_the_idle_check_is_skipped(start_server: StartServer) -> None:
    server = start_server("gunicorn", REHEARSALS="false")
    found = verdicts(server.url, "--only", "idle", "--idle", "3")
    assert found["idle"]["verdict"] == "skipped"
    assert "turned off" in found["idle"]["meaning"]


@pytest.mark.slow
@pytest.mark.parametrize("settings", TURNED_OFF, ids=lambda settings: "+".join(settings))
def test_a_blocked_connection_is_named_whatever_is_turned_off(
    start_server: StartServer, settings: dict[str, str]
) -> None:
    server = start_server("gunicorn", **settings)
    with nginx(server.port, FORGETFUL) as port:
        found = verdicts(f"http://127.0.0.1:{port}")
    assert found["connection"]["id"] == "http-1.0"
    assert list(found["connection"]["cures"]) == ["nginx"]
    assert {found[check.name]["verdict"] for check in CHECKS} == {"skipped"}


# -- Options -------------------------------------------------------------------------------


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[str]]]:
    """Answer every request in the same way; yield the port, and the requests."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # The listener is closed at the end.
                while True:
                    sock, _ = listener.accept()
                    with sock:
                        asked.append(sock.recv(65_536).decode())
                        sock.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1]), asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_headers_origin_and_subprotocol_are_sent() -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        probe(
            *(f"ws://127.0.0.1:{port}/echo?a=b", "--header", "X-Token: 1", "--header", "Cookie: c"),
            *("--origin", "https://page.test", "--subprotocol", "chat"),
        )
    (upgrade,) = [request for request in asked if "Upgrade: websocket" in request]
    assert upgrade.startswith("GET /echo?a=b HTTP/1.1\r\n")
    for line in (
        *("X-Token: 1", "Cookie: c", "Origin: https://page.test", "Sec-WebSocket-Protocol: chat"),
    ):
        assert f"\r\n{line}\r\n" in upgrade
    assert all("X-Token: 1" in request for request in asked if request)


def test_an_empty_origin_sends_none() -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        probe(f"ws://127.0.0.1:{port}/echo", "--origin", "")
    assert not any("Origin:" in request for request in asked)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ftp://a.test/",), "must begin with ws://, wss://, http:// or https://"),
        (("ws:///echo",), "names no host"),
        (("ws://a.test:99999/",), "is no address"),
        (("ws://user:password@a.test/",), "use --header 'Authorization: ...'"),
        (("ws://a.test/", "--only", "path,nonsense"), "'nonsense' is no check"),
        (("ws://a.test/", "--header", "no colon"), "must be 'Name: value'"),
        (("ws://a.test/", "--header", "X: \u6f22"), "in ASCII"),
        (("ws://a.test/", "--header", "Host: b.test"), "belongs to the handshake"),
        (("ws://a.test/", "--subprotocol", "a b"), "is no token"),
        (("ws://a..b/",), "is no name of a host"),
        (("ws://a.test/", "--idle", "0"), "--idle"),
        ((), "URL"),
    ],
)
def test_a_wrong_argument_is_one_line_and_code_2(words: tuple[str, ...], told: str) -> None:
    run = probe(*words)
    assert (run.returncode, run.stdout) == (2, "")
    assert told in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_without_the_package_websockets_it_says_so() -> None:
    run = probe("ws://a.test/", PYTHONPATH=str(WITHOUT_WEBSOCKETS))
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        "flask_echo: the probe needs the package websockets: pip install websockets"
    ]


def test_the_plan_knows_all_checks() -> None:
    assert tuple(check.name for check in CHECKS) == plan.TRAFFIC


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://a.test", "ws://a.test/echo"),
        ("http://a.test/", "ws://a.test/echo"),
        ("https://a.test:8443/ws/", "wss://a.test:8443/ws/echo"),
        ("http://a.test/default.html", "ws://a.test/echo"),
        ("http://a.test/socket?x=1", "ws://a.test/socket?x=1"),
        ("ws://a.test/", "ws://a.test/"),
        ("ws://[::1]:8080/echo", "ws://[::1]:8080/echo"),
        ("ws://a.test/\u00e9?\u00fc=%20", "ws://a.test/%C3%A9?%C3%BC=%20"),
    ],
)
def test_an_address_names_a_websocket(text: str, address: str) -> None:
    assert str(parse(text)) == address


def test_a_bad_address_is_refused() -> None:
    with pytest.raises(BadAddress):
        parse("nonsense")


# -- TLS -----------------------------------------------------------------------------------


@contextmanager
def https(tmp_path: Path, days: int) -> Iterator[tuple[str, str]]:
    """Serve with a certificate that expires; yield the URL, and the file of its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days))
    certificate, key, ca = (tmp_path / name for name in ("certificate", "key", "ca"))
    issued.private_key_pem.write_to_path(key)
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(ca)
    with ExitStack() as stack:
        server = Server("gunicorn", "--certfile", str(certificate), "--keyfile", str(key))
        stack.callback(server.stop)
        yield server.url, str(ca)


@pytest.mark.slow
def test_a_certificate_is_checked(tmp_path: Path) -> None:
    with https(tmp_path, days=100) as (url, ca):
        unknown = verdicts(url)
        known = verdicts(url, "--only", "tls", SSL_CERT_FILE=ca)
        insecure = verdicts(url, "--only", "tls", "--insecure")
    assert unknown["connection"]["id"] == "tls-failed"
    assert "issuer certificate" in unknown["connection"]["meaning"]
    assert (known["tls"]["id"], known["connection"]["id"]) == ("tls", "open")
    assert "99 more days" in known["tls"]["meaning"] or "100 more days" in known["tls"]["meaning"]
    assert (insecure["tls"]["id"], insecure["connection"]["id"]) == ("tls-unchecked", "open")


def test_a_certificate_that_expires_soon_is_a_remark(tmp_path: Path) -> None:
    with https(tmp_path, days=5) as (url, ca):
        run = probe(url, "--only", "tls", SSL_CERT_FILE=ca)
    assert run.returncode == 0
    assert "The certificate expires in 5 days." in run.stdout
