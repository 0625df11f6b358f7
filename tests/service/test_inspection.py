"""/inspect: what the application saw, over a raw socket."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

import flask_echo
from tests.support.clients import ask, close_frame, raw, request_bytes
from tests.support.servers import Server, StartServer


def inspect(
    server: Server, changes: Mapping[str, str | None] | None = None, query: str = ""
) -> dict[str, Any]:
    """The report, after which the server closes with 1000."""
    with raw(server, f"/inspect{query}", changes) as client:
        report: dict[str, Any] = json.loads(client.receive().payload)
        assert client.receive().close_code == 1000
        client.send(close_frame())
        assert client.rest() == b""
        assert report["response"]["head"].encode() == client.head + b"\r\n\r\n"
        if not report["peer"]["forwarded"]:
            assert report["peer"]["port"] == client.sock.getsockname()[1]
        return report


def test_the_request_is_told_as_it_arrived(each_server: Server) -> None:
    sent = {"Via": "one two", "Origin": "http://localhost"}
    report = inspect(each_server, sent, "?ping=off")
    assert report["request"]["line"] == "GET /inspect?ping=off HTTP/1.1"
    headers = dict(report["request"]["headers"])
    assert headers["Host"] == "localhost"
    assert headers["Sec-WebSocket-Version"] == "13"
    assert headers["Via"] == "one two"
    assert headers["Origin"] == "http://localhost"
    assert list(headers) == sorted(headers)
    assert "WSGI loses header order and case" in report["about"]


def test_secrets_are_masked(each_server: Server) -> None:
    secrets = {
        "Cookie": "id=s3cret",
        "Authorization": "Basic s3cret",
        "Proxy-Authorization": "s3cret",
    }
    report = inspect(each_server, secrets)
    headers = dict(report["request"]["headers"])
    assert {name: headers[name] for name in secrets} == {
        "Cookie": "(masked, 9 characters)",
        "Authorization": "(masked, 12 characters)",
        "Proxy-Authorization": "(masked, 6 characters)",
    }
    assert report["request"]["masked"] == sorted(secrets)
    assert "s3cret" not in json.dumps(report)


def test_the_answer_and_what_was_negotiated_are_told(each_server: Server) -> None:
    offers = {
        "Sec-WebSocket-Protocol": "a, chat",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    }
    report = inspect(each_server, offers, "?subprotocol=chat")
    assert report["negotiated"]["subprotocol"] == "chat"
    assert report["negotiated"]["extensions"][0].startswith("permessage-deflate")
    assert report["response"]["head"].startswith("HTTP/1.1 101 Switching Protocols\r\n")
    assert "Sec-WebSocket-Protocol: chat\r\n" in report["response"]["head"]
    plain = inspect(each_server, offers, "?compress=off")
    assert plain["negotiated"] == {"subprotocol": None, "extensions": []}


def test_who_serves_is_told(server: Server) -> None:
    report = inspect(server)
    told = report["server"]
    assert told["host"] == socket.gethostname()
    assert Path(f"/proc/{told['process']}/cmdline").read_bytes().count(b"gunicorn")
    assert os.getppid() != told["process"]
    assert told["software"]["flask-echo"] == flask_echo.__version__
    assert told["software"]["server"].startswith("gunicorn/")
    assert told["time"].endswith("Z")
    assert report["limits"]["max_message_bytes"] == 2**20
    assert (report["secure"], report["tls"]) == (False, None)


CHAIN = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxies", "client", "believed", "secure"),
    [
        (0, "127.0.0.1", [False, False], False),
        (1, "203.0.113.7", [False, True], True),
        (3, "127.0.0.1", [False, False], False),
    ],
)
def test_proxies_are_believed_as_far_as_they_are_trusted(
    start_server: StartServer, proxies: int, client: str, believed: list[bool], secure: bool
) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=proxies)
    report = inspect(server, {**CHAIN, "Forwarded": "for=192.0.2.1", "X-Forwarded-Host": "a.b"})
    peer = report["peer"]
    assert (peer["address"], peer["client"]) == ("127.0.0.1", client)
    assert peer["trusted_proxies"] == proxies
    assert peer["trusted_headers"] == (["for", "proto"] if proxies else [])
    chain = [hop for hop in peer["forwarded"] if hop["header"] == "X-Forwarded-For"]
    assert [hop["address"] for hop in chain] == ["198.51.100.9", "203.0.113.7"]
    assert [hop["trusted"] for hop in chain] == believed
    assert peer["forwarded"][-1] == {
        "header": "Forwarded", "address": "for=192.0.2.1", "trusted": False
    }  # fmt: skip
    assert report["secure"] is secure
    assert dict(report["request"]["headers"])["Host"] == "localhost"  # As it arrived.


def test_of_an_endless_chain_the_last_hops_are_told(server: Server) -> None:
    endless = ",".join(f"10.0.{place // 256}.{place % 256}" for place in range(400))
    chain = inspect(server, {"X-Forwarded-For": endless})["peer"]["forwarded"]
    assert len(chain) == 20
    assert chain[-1]["address"] == "10.0.1.143"


def test_what_proxies_add_for_the_application_alone_is_masked(server: Server) -> None:
    added = {"X-Forwarded-Access-Token": "s3cret", "X-Api-Key": "s3cret", "X-Auth-User": "s3cret"}
    report = inspect(server, added)
    assert report["request"]["masked"] == sorted(added)
    assert "s3cret" not in json.dumps(report)
    assert dict(report["request"]["headers"])["Sec-WebSocket-Key"].endswith("==")


PERSONAL = [
    "X-Forwarded-Email", "X-Forwarded-User", "X-Forwarded-Groups", "X-Forwarded-Client-Cert",
    "X-Forwarded-Preferred-Username", "X-Forwarded-Uri", "X-Real-User", "X-Real-Name",
    "SSL-Client-S-DN", "X-SSL-Client-Cert", "Remote-User", "From", "Referer", "X-Odd", "Baggage",
    "Cf-Access-Authenticated-User-Email", "X-Amzn-Oidc-Identity", "X-Ms-Client-Principal-Name",
    "Tailscale-User-Login", "X-Goog-Authenticated-User-Email", "X-Original-Url", "X-Arr-ClientCert",
]  # fmt: skip


@pytest.mark.parametrize("names", [PERSONAL, [name.upper() for name in PERSONAL]])
def test_a_header_is_masked_unless_it_is_known_to_name_no_person(
    each_server: Server, names: list[str]
) -> None:
    report = inspect(each_server, dict.fromkeys(names, "alice"))
    assert [name.lower() for name in report["request"]["masked"]] == sorted(map(str.lower, names))
    headers = {name.lower(): value for name, value in report["request"]["headers"]}
    assert {headers[name.lower()] for name in names} == {"(masked, 5 characters)"}
    assert "alice" not in json.dumps(report)


def test_the_headers_of_browsers_and_of_proxies_about_machines_are_shown(server: Server) -> None:
    shown = {
        "Accept-Language": "en", "Cache-Control": "no-cache", "DNT": "1", "Pragma": "no-cache",
        "Sec-Fetch-Mode": "websocket", "Sec-CH-UA": "a", "Sec-WebSocket-Protocol": "chat",
        "User-Agent": "b", "Via": "1.1 c", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "80",
        "X-Real-IP": "192.0.2.1", "CF-Ray": "d", "X-Request-ID": "e", "X-Amzn-Trace-Id": "f",
    }  # fmt: skip
    report = inspect(server, shown)
    assert report["request"]["masked"] == []
    headers = {name.lower(): value for name, value in report["request"]["headers"]}
    assert {name: headers[name.lower()] for name in shown} == shown


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Origin": "http://localhost"}, 101),
        ({"Origin": "HTTP://LOCALHOST"}, 101),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, 101),
        ({"Origin": "http://[::1]:8080", "Host": "[::1]:8080"}, 101),
        ({"Origin": "http://a.example", "Host": "a.example:80"}, 101),
        # TLS ends at a proxy.
        ({"Origin": "https://localhost"}, 101),
        ({"Origin": "https://a.example", "Host": "a.example:443"}, 101),
        # A proxy rewrites Host.
        ({"Origin": "https://a.example", "X-Forwarded-Host": "a.example"}, 101),
        ({"Origin": "https://a.example", "X-Forwarded-Host": "a.example, b.internal"}, 101),
        ({"Origin": "https://a.example", "Sec-Fetch-Site": "same-origin"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "a.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://a.example", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "chrome-extension://localhost"}, 403),
    ],
    ids=str,
)
def test_only_pages_of_the_server_itself_read_the_report(
    each_server: Server, changes: dict[str, str], status: int
) -> None:
    answer = ask(each_server, request_bytes("/inspect", changes))
    assert answer.status == status
    if status == 403:
        problem = json.loads(answer.text)
        assert "belongs to another site" in problem["detail"]
        assert "FLASK_ECHO_ALLOWED_ORIGINS" in problem["advice"]
        assert ask(each_server, request_bytes("/echo", changes)).status == 101


@pytest.mark.parametrize(("origin", "status"), [("https://a.test", 101), ("http://localhost", 403)])
def test_an_origin_that_is_named_may_read_the_report(
    start_server: StartServer, origin: str, status: int
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS="https://a.test")
    assert ask(server, request_bytes("/inspect", {"Origin": origin})).status == status


def test_a_plain_page_does_not_read_the_report_of_a_connection_through_tls(
    start_server: StartServer,
) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1)
    for origin, status in (("https://localhost", 101), ("http://localhost", 403)):
        changes = {"Origin": origin, "X-Forwarded-Proto": "wss"}
        assert ask(server, request_bytes("/inspect", changes)).status == status


def test_the_headers_that_are_believed_are_told(start_server: StartServer) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1, TRUSTED_HEADERS="proto,host")
    report = inspect(server, {**CHAIN, "X-Forwarded-Host": "a.example"})
    assert report["peer"]["trusted_headers"] == ["host", "proto"]
    assert report["peer"]["client"] == "127.0.0.1"
    assert [hop["trusted"] for hop in report["peer"]["forwarded"]] == [False, False]
    assert report["secure"] is True


def test_tls_is_told_where_it_ends_here(start_server: StartServer, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    both = str(tmp_path / "both.pem")
    report = inspect(start_server("gunicorn", "--certfile", both, "--keyfile", both))
    assert report["secure"] is True
    assert report["tls"]["version"].startswith("TLSv1.")
    assert report["tls"]["cipher"]
