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
from tests.support.clients import close_frame, raw
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
    report = inspect(each_server, {"X-Odd": "one two", "Origin": "http://a"}, "?ping=off")
    assert report["request"]["line"] == "GET /inspect?ping=off HTTP/1.1"
    headers = dict(report["request"]["headers"])
    assert headers["Host"] == "localhost"
    assert headers["Sec-WebSocket-Version"] == "13"
    assert headers["X-Odd"] == "one two"
    assert headers["Origin"] == "http://a"
    assert list(headers) == sorted(headers)
    assert "WSGI loses header order and case" in report["about"]


def test_secrets_are_masked(each_server: Server) -> None:
    secrets = {"Cookie": "id=s3cret", "Authorization": "Basic s3cret", "Proxy-Authorization": "s3"}
    report = inspect(each_server, secrets)
    headers = dict(report["request"]["headers"])
    assert {name: headers[name] for name in secrets} == {
        "Cookie": "(masked, 9 characters)",
        "Authorization": "(masked, 12 characters)",
        "Proxy-Authorization": "(masked, 2 characters)",
    }
    assert report["request"]["masked"] == sorted(secrets)
    assert "s3" not in json.dumps(report)


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
    assert report["limits"]["max_message_bytes"] == 16 * 2**20
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


def test_tls_is_told_where_it_ends_here(start_server: StartServer, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    both = str(tmp_path / "both.pem")
    report = inspect(start_server("gunicorn", "--certfile", both, "--keyfile", both))
    assert report["secure"] is True
    assert report["tls"]["version"].startswith("TLSv1.")
    assert report["tls"]["cipher"]
