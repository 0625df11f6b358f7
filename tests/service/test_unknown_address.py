"""An address without a WebSocket: what a proxy that changes paths leaves behind."""

import json
from secrets import token_hex
from typing import Any

import pytest

from tests.support.clients import ask, request_bytes
from tests.support.servers import Server


def trace(server: Server, ident: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(server, plain(f"/traces/{ident}")).text)
    return found


def plain(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def test_an_upgrade_request_is_told_where_the_websockets_are(each_server: Server) -> None:
    answer = ask(each_server, request_bytes("/app/echo"))
    problem = json.loads(answer.text)
    assert (answer.status, problem["problem"]) == (404, "path")
    assert problem["arrived"]["Path"] == "/app/echo"
    assert "/echo" in problem["advice"]


@pytest.mark.parametrize("make", [request_bytes, plain])
def test_it_is_traced(server: Server, make: Any) -> None:
    ident = token_hex(16)
    assert ask(server, make(f"/app/echo?trace={ident}")).status == 404
    (attempt,) = trace(server, ident)["attempts"]
    assert attempt["request"]["line"] == f"GET /app/echo?trace={ident} HTTP/1.1"
    assert attempt["refusal"]["problem"] == "path"


def test_another_request_gets_the_usual_page(server: Server) -> None:
    answer = ask(server, plain("/nowhere"))
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "problem" not in answer.text


def test_the_address_of_a_page_is_traced_too(server: Server) -> None:
    ident = token_hex(16)
    assert ask(server, request_bytes(f"/healthz?trace={ident}")).status == 400
    assert trace(server, ident)["attempts"][0]["refusal"]["problem"] == "path"


def test_a_store_has_one_name_in_all_answers(server: Server) -> None:
    ident = token_hex(16)
    unknown = trace(server, ident)
    ask(server, request_bytes(f"/nowhere?trace={ident}"))
    known = trace(server, ident)
    assert unknown["store"] == known["store"] is not None
    assert (unknown["attempts"], len(known["attempts"])) == ([], 1)
