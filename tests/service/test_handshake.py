"""Errors before the upgrade: real HTTP answers, on both servers, over a raw socket."""

import base64
import json
from contextlib import suppress
from time import process_time

import pytest

from flask_echo.websocket import extensions, handshake
from flask_echo.websocket.cures import PASS_UPGRADES_ON
from flask_echo.websocket.extensions import acceptable_offer, parse_offers
from tests.support.clients import UPGRADE, ask, frame, raw, request_bytes
from tests.support.servers import Server, StartServer

pytestmark = pytest.mark.also_over_tls

GONE = None
KEY_15 = base64.b64encode(b"only 15 bytes!!").decode()

NEEDS_UPGRADE = [
    ("no Upgrade", {"Upgrade": GONE}, "lacks 'Upgrade: websocket'."),
    ("no Connection", {"Connection": GONE}, "lacks 'Connection: Upgrade'."),
    (
        "Connection: close",
        {"Connection": "close", "Upgrade": GONE},
        "lacks 'Connection: Upgrade' and 'Upgrade: websocket'.",
    ),
    ("another upgrade", {"Upgrade": "h2c"}, "another protocol: h2c"),
    ("no version", {"Sec-WebSocket-Version": GONE}, "no Sec-WebSocket-Version"),
    ("version 8", {"Sec-WebSocket-Version": "8"}, "Sec-WebSocket-Version: 8"),
    ("two versions", {"Sec-WebSocket-Version": "13, 8"}, "13, 8"),
]
MALFORMED = [
    ("no key", {"Sec-WebSocket-Key": GONE}, "no Sec-WebSocket-Key"),
    ("empty key", {"Sec-WebSocket-Key": ""}, "Sec-WebSocket-Key"),
    ("key of 15 bytes", {"Sec-WebSocket-Key": KEY_15}, KEY_15),
    ("key not base64", {"Sec-WebSocket-Key": "no base64 at all !!!!!!=="}, "base64"),
    ("no host", {"Host": GONE}, "Host"),
    ("body", {"Content-Length": "5"}, "body"),
    ("subprotocol", {"Sec-WebSocket-Protocol": "good, b@d"}, "b@d"),
    ("extension syntax", {"Sec-WebSocket-Extensions": "a;;b"}, "'a;;b'"),
    ("extension quotes", {"Sec-WebSocket-Extensions": 'a; b="c'}, "Extensions"),
    (
        "window bits",
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=abc"},
        "abc",
    ),
]
Case = tuple[str, dict[str, str | None], str]


def name_of(case: Case) -> str:
    return case[0]


@pytest.mark.parametrize("path", ["/echo", "/WS.ashx", "/"])
@pytest.mark.parametrize("case", NEEDS_UPGRADE, ids=name_of)
def test_an_upgrade_that_is_none_gets_426(each_server: Server, path: str, case: Case) -> None:
    answer = ask(each_server, request_bytes(path, case[1]))
    assert answer.status == 426
    assert "upgrade" in answer.headers["Connection"].lower()
    assert answer.headers["Upgrade"] == "websocket"
    assert answer.headers["Sec-WebSocket-Version"] == "13"
    assert case[2] in answer.text


@pytest.mark.parametrize("path", ["/echo", "/WS.ashx", "/"])
def test_http_1_0_gets_426(each_server: Server, path: str) -> None:
    answer = ask(each_server, request_bytes(path, version="HTTP/1.0"))
    assert answer.status == 426
    assert "HTTP/1.1" in answer.text


def test_a_browser_that_opens_a_websocket_address_as_a_page_is_told_so(
    each_server: Server,
) -> None:
    answer = ask(each_server, b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 426
    assert "Use a WebSocket client" in answer.text


@pytest.mark.parametrize("path", ["/echo", "/"])
@pytest.mark.parametrize("case", MALFORMED, ids=name_of)
def test_a_malformed_upgrade_gets_400(each_server: Server, path: str, case: Case) -> None:
    answer = ask(each_server, request_bytes(path, case[1]) + b"hello")
    assert answer.status == 400
    assert case[2] in answer.text


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("changes", [{}, {"Upgrade": GONE, "Connection": GONE}], ids=["ws", "http"])
def test_other_methods_get_405(
    each_server: Server, method: str, changes: dict[str, str | None]
) -> None:
    answer = ask(each_server, request_bytes("/echo", changes, method=method))
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"
    assert answer.text == "" if method == "HEAD" else method in answer.text


def test_an_upgrade_at_an_address_without_websocket_names_those_that_have_one(
    each_server: Server,
) -> None:
    answer = ask(each_server, request_bytes("/healthz"))
    assert answer.status == 400
    assert "/echo" in answer.text


def test_hostile_header_values_come_back_escaped(each_server: Server) -> None:
    key = "\xff<script>" + "x" * 1000
    answer = ask(each_server, request_bytes(changes={"Sec-WebSocket-Key": key}))
    assert answer.status == 400
    assert answer.text.isascii()
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "changes",
    [
        {"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket"},
        {"Connection": "upgrade", "Sec-WebSocket-Protocol": "chat, superchat"},
        {"Host": "\xff\xfe" + "a" * 300},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=16"},
        {"Sec-WebSocket-Extensions": 'x-unknown; a="b, c;d"; e'},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_a_good_upgrade_in_other_words_is_accepted(
    each_server: Server, changes: dict[str, str | None]
) -> None:
    with raw(each_server, changes=changes) as client:
        client.send(frame(0x81, b"hi"))
        assert client.receive().payload == b"hi"
        assert b"Sec-WebSocket-Extensions" not in client.head


ALLOWED = "https://example.org,null"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://example.org", 101),
        ("HTTPS://EXAMPLE.ORG", 101),
        (None, 101),
        ("null", 101),
        ("https://example.org:8443", 403),
        ("http://example.org", 403),
        ("https://example.org.evil.example", 403),
        ("", 403),
    ],
)
def test_only_allowed_origins_connect(
    start_server: StartServer, origin: str | None, status: int
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS=ALLOWED)
    answer = ask(server, request_bytes(changes={"Origin": origin}))
    assert answer.status == status
    if status == 403:
        assert "ALLOWED_ORIGINS" in answer.text


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", None),
        ("x-other", None),
        ("permessage-deflate", "permessage-deflate"),
        (
            "PerMessage-Deflate ; Client_Max_Window_Bits",
            "permessage-deflate; client_max_window_bits",
        ),
        (
            'permessage-deflate; client_max_window_bits="10"; server_no_context_takeover',
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        ),
        ("permessage-deflate; client_max_window_bits=8", "permessage-deflate"),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=09", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; server_max_window_bits=10; server_max_window_bits=11", None),
        (
            "permessage-deflate; server_max_window_bits=7, permessage-deflate",
            "permessage-deflate",
        ),
    ],
)
def test_the_first_possible_offer_of_compression_is_chosen(
    header: str, accepted: str | None
) -> None:
    assert acceptable_offer(header) == accepted


def test_offers_are_parsed_with_their_quotes() -> None:
    assert parse_offers('a; b="c, \\"d\\""; e, , F;g=h') == [
        ("a", [("b", 'c, "d"'), ("e", None)]),
        ("f", [("g", "h")]),
    ]


@pytest.mark.parametrize(
    "hostile", ["a" + " " * 8000 + "@", "a" + ";b=c" * 2000 + "@", "a;" * 4000]
)
def test_a_hostile_offer_costs_no_more_than_its_length(hostile: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        parse_offers(hostile)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Sec-WebSocket-Extensions", "a" * 8191, "8191 characters"),
        ("Sec-WebSocket-Extensions", "a," * 101, "101 commas"),
        ("Sec-WebSocket-Extensions", "a" + ";b" * 101, "101 commas and semicolons"),
        ("Sec-WebSocket-Protocol", "a" * 8191, "8191 characters"),
        ("Sec-WebSocket-Protocol", ",".join("a" * 102), "101 commas"),
        ("Sec-WebSocket-Key", "a" * 8191, "8191 characters"),
        ("Sec-WebSocket-Version", "13," * 3000, "9000 characters"),
        ("Connection", "Upgrade," * 101, "101 commas"),
        ("Upgrade", "websocket," * 101, "101 commas"),
        ("Origin", "http://" + "a" * 8184, "8191 characters"),
        ("Host", "a" * 8191, "8191 characters"),
    ],
)
def test_a_field_that_is_too_large_gets_431_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("the field was parsed")

    monkeypatch.setattr(handshake, "acceptable_offer", parsed)
    monkeypatch.setattr(handshake, "elements", parsed)
    refusal = handshake.check(environ(**{name: value}), {"https://example.org"})
    assert refusal is not None
    assert refusal.status == 431
    assert name in refusal.detail
    assert reason in refusal.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-WebSocket-Protocol", "a" * 8190),
        ("Sec-WebSocket-Protocol", ", ".join("a" * 101)),
        ("Sec-WebSocket-Extensions", "a" * 8190),
        ("Sec-WebSocket-Extensions", "a" + ";b" * 100),
        ("Connection", "Upgrade" + ",x" * 100),
        ("Host", "a" * 8190),
    ],
)
def test_a_field_as_large_as_allowed_is_read(name: str, value: str) -> None:
    assert handshake.check(environ(**{name: value}), None) is None


def test_a_foreign_origin_is_refused_before_the_offers_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("the offers were read")

    monkeypatch.setattr(handshake, "acceptable_offer", parsed)
    refusal = handshake.check(environ(Origin="https://evil.example"), {"https://example.org"})
    assert refusal is not None
    assert refusal.status == 403


def test_the_offers_of_a_request_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(text: str) -> list[extensions.Offer]:
        calls.append(text)
        return parse_offers(text)

    monkeypatch.setattr(extensions, "parse_offers", counted)
    offer = "permessage-deflate; client_max_window_bits=13, x-not-seen-before"
    request = environ(**{"Sec-WebSocket-Extensions": offer})
    assert handshake.check(request, None) is None
    assert handshake.negotiate(request, (), True).extensions
    assert calls == [offer]


def environ(**headers: str) -> dict[str, str]:
    """The WSGI environment of a good upgrade request, with some headers changed."""
    values = {**UPGRADE, **headers}
    wsgi = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in values.items()}
    return {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", **wsgi}


# A step of the regular expressions takes some 10 ns, so that all of these take about a second. With
# quadratic backtracking one of them would take minutes.
@pytest.mark.parametrize(
    "pattern",
    [
        "{spaces}", "a{spaces}@", "a;{spaces}@", "a;b{spaces}@", "a;b={spaces}@", 'a;b="{spaces}@',
        "a;b={word}@", "{word}@", "a;{word}@", 'a;b="{word}@', 'a;b="{escapes}@',
        'a;b="{escapes}"@', "a{parameters}@", "{commas}@", "a{parameters}{spaces}@",
        'a;b="{quotes}@', "a{spaced}@",
    ],
)  # fmt: skip
def test_the_time_for_an_offer_grows_with_its_size_and_not_with_its_square(pattern: str) -> None:
    size = 500_000
    hostile = pattern.format(
        spaces=" " * size, word="a" * size, escapes='\"' * size, parameters=";b=c" * size,
        commas=" ," * size, quotes='";b="' * size, spaced=" ; b = c " * size,
    )  # fmt: skip
    began = process_time()
    with suppress(ValueError):
        parse_offers(hostile)
    assert process_time() - began < 20


def test_many_repeated_fields_are_refused_and_not_repeated(each_server: Server) -> None:
    line = f"Sec-WebSocket-Extensions: {'a,' * 3000}\r\n"
    four = request_bytes()[:-2] + line.encode() * 4 + b"\r\n"
    answer = ask(each_server, four)
    assert answer.status == 431
    assert "Sec-WebSocket-Extensions is too large" in answer.text
    long = ask(each_server, request_bytes(changes={"Connection": "close, " + "a" * 8000}))
    assert long.status == 426
    assert len(long.text) < 5000
    assert "(8007 characters)" in long.text


TO_PROXIES = set(PASS_UPGRADES_ON)


@pytest.mark.parametrize(
    ("changes", "version", "missing", "advice", "cure"),
    [
        (
            {"Upgrade": GONE, "Connection": "close"},
            "HTTP/1.1",
            ["Connection: Upgrade", "Upgrade: websocket"],
            "drops Connection and Upgrade",
            TO_PROXIES,
        ),
        (
            {"Upgrade": GONE},
            "HTTP/1.1",
            ["Upgrade: websocket"],
            "a proxy drops Upgrade",
            TO_PROXIES,
        ),
        (
            {"Connection": "keep-alive", "Via": "1.1 cache.example"},
            "HTTP/1.1",
            ["Connection: Upgrade"],
            "a proxy replaces Connection. Set it to 'upgrade' there. The request came through"
            " 1.1 cache.example.",
            TO_PROXIES,
        ),
        ({}, "HTTP/1.0", ["HTTP/1.1"], "speaks HTTP/1.0", TO_PROXIES),
        ({"Upgrade": "h2c"}, "HTTP/1.1", ["Upgrade: websocket"], "another protocol", TO_PROXIES),
        (
            dict.fromkeys(("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")),
            "HTTP/1.1",
            [
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: 16 bytes in base64",
            ],
            "Use a WebSocket client",
            TO_PROXIES,
        ),
        (
            {"Sec-WebSocket-Version": "8"},
            "HTTP/1.1",
            ["Sec-WebSocket-Version: 13"],
            "RFC 6455",
            set(),
        ),
    ],
    ids=["both", "no Upgrade", "Connection changed", "HTTP/1.0", "h2c", "a page", "version"],
)
def test_a_refusal_names_the_missing_headers_the_cause_and_the_cure(
    each_server: Server,
    changes: dict[str, str | None],
    version: str,
    missing: list[str],
    advice: str,
    cure: set[str],
) -> None:
    answer = ask(each_server, request_bytes("/echo", changes, version=version))
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.text)
    assert (problem["type"], problem["title"]) == ("about:blank", "Upgrade Required")
    assert problem["status"] == answer.status == 426
    assert problem["missing"] == missing
    assert advice in problem["advice"]
    assert set(problem["cure"]) == cure
    assert problem["arrived"]["HTTP version"] == version
    assert problem["arrived"]["Upgrade"] == changes.get("Upgrade", "websocket")


def test_a_full_house_is_a_problem_too(start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    with raw(server):
        answer = ask(server, request_bytes())
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "MAX_CONNECTIONS" in json.loads(answer.text)["advice"]


FROM_A_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (GONE, "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("text/html;q=0.5, application/problem+json", "application/problem+json"),
        ("image/png", "application/problem+json"),
        ("text/html," + "a/b," * 300, "application/problem+json"),  # Nobody reads so much.
        (FROM_A_BROWSER, "text/html; charset=utf-8"),
    ],
)
def test_people_get_a_page_and_programs_get_json(
    server: Server, accept: str | None, kind: str
) -> None:
    hostile = "<script>alert(1)</script>"
    answer = ask(server, request_bytes(changes={"Accept": accept, "Connection": hostile}))
    assert answer.status == 426
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Vary"] == "Accept"
    if "html" in kind:
        assert "<script>" not in answer.text
        assert "&lt;script&gt;" in answer.text
        for product in TO_PROXIES:
            assert product in answer.text


def test_what_arrived_is_told_though_a_proxy_is_believed(start_server: StartServer) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1)
    changes = {"Upgrade": GONE, "X-Forwarded-Host": "public.example"}
    problem = json.loads(ask(server, request_bytes("/echo", changes)).text)
    assert problem["arrived"]["Host"] == "localhost"


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        ("*", None),
        ("https://b.example,http://a.example", ["http://a.example", "https://b.example"]),
    ],
)
def test_a_page_can_ask_whether_its_origin_is_allowed(
    start_server: StartServer, allowed: str, told: list[str] | None
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS=allowed)
    problem = json.loads(ask(server, b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").text)
    assert problem["origins"] == told
