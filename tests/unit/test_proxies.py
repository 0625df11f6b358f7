"""What a proxy may say: which headers are believed, and which values they may have."""

from collections.abc import Iterable
from typing import Any

import pytest

from flask_echo import create_app
from flask_echo.proxies import trust

EVERY = frozenset({"for", "proto", "host", "prefix"})
ARRIVED = {
    "REMOTE_ADDR": "192.0.2.1",
    "wsgi.url_scheme": "http",
    "HTTP_HOST": "backend:9000",
    "SERVER_NAME": "backend",
    "SERVER_PORT": "9000",
    "SCRIPT_NAME": "",
}


def believed(count: int = 1, headers: Iterable[str] = EVERY, **forwarded: str) -> dict[str, Any]:
    """The part of a WSGI environment that proxies can change, behind ``count`` of them."""
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], _: object) -> list[bytes]:
        seen.update(environ)
        return []

    sent = {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in forwarded.items()}
    trust(application, count, frozenset(headers))(ARRIVED | sent, lambda *_: lambda _: None)
    return {name: seen.get(name) for name in ARRIVED}


FORWARDED = {"for": "203.0.113.7", "proto": "https", "host": "a.example", "prefix": "/below"}
CHANGES = {
    "for": {"REMOTE_ADDR": "203.0.113.7"},
    "proto": {"wsgi.url_scheme": "https"},
    "host": {"HTTP_HOST": "a.example", "SERVER_NAME": "a.example"},
    "prefix": {"SCRIPT_NAME": "/below"},
}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_each_header_is_believed_only_where_it_is_trusted(name: str) -> None:
    assert believed(1, {name}, **FORWARDED) == ARRIVED | CHANGES[name]
    others = {key: value for change in EVERY - {name} for key, value in CHANGES[change].items()}
    assert believed(1, EVERY - {name}, **FORWARDED) == ARRIVED | others


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http", "http"),
        ("wss", "https"),
        ("ws", "http"),
        ("javascript", "http"),
        ("ftp", "http"),
        ("https:", "http"),
        ("", "http"),
        ("javascript, https", "https"),
        ("https, javascript", "http"),
        ('"https"', "https"),
        ("https\n", "http"),
    ],
)
def test_only_http_and_https_are_schemes(sent: str, scheme: str) -> None:
    assert believed(proto=sent)["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize(
    "prefix",
    ["/below", "/below/", "/a/b-c_d.e~f", "/", "/a%20b", "/@user/a:b;c=d", "/" + "a" * 199],
)
def test_a_path_is_a_prefix(prefix: str) -> None:
    assert believed(prefix=prefix)["SCRIPT_NAME"] == prefix


@pytest.mark.parametrize(
    "prefix",
    [
        "//evil.example",
        "/a//b",
        "///",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "below",
        "/a?b",
        "/a#b",
        "/..//evil.example",
        "/../admin",
        "/.",
        "/a/..",
        "/a\tb",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: b",
        "/a\x00",
        "/a\n",
        "/\xe9",
        "/<script>",
        '/"onload=',
        "/" + "a" * 200,
        "/a," + "//evil.example",
    ],
)
def test_all_else_is_ignored_as_if_it_was_absent(prefix: str) -> None:
    assert believed(prefix=prefix) == ARRIVED
    page = create_app({"TRUSTED_PROXIES": 1, "TRUSTED_HEADERS": "prefix"}).test_client()
    environ = {"HTTP_X_FORWARDED_PREFIX": prefix}
    assert page.get("/", environ_overrides=environ).data == page.get("/").data


@pytest.mark.parametrize(
    "host",
    ["a.example", "a.example:8443", "A-B.example.", "[::1]", "[2001:db8::1]:80", "127.0.0.1"],
)
def test_a_host_may_have_a_port(host: str) -> None:
    assert believed(host=host)["HTTP_HOST"] == host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/path", "user@evil.example", "a b", "a\\b", "a:port", "a:", "a:123456", "[::1",
        "a\n", "a?b", "<script>", "\xe9", "a" * 254,
    ],
)  # fmt: skip
def test_another_host_is_ignored_as_if_it_was_absent(host: str) -> None:
    assert believed(host=host) == ARRIVED


def test_of_a_chain_the_value_counts_that_the_trusted_proxy_has_written() -> None:
    chain = {"proto": "javascript, https, http", "prefix": "//evil.example, /b, /c"}
    assert believed(2, **chain)["wsgi.url_scheme"] == "https"
    assert believed(2, **chain)["SCRIPT_NAME"] == "/b"
    assert believed(3, **chain) == ARRIVED
    assert believed(4, **chain) == ARRIVED


def test_no_header_of_a_client_steers_a_redirect() -> None:
    trusting = {"TRUSTED_PROXIES": 1, "TRUSTED_HEADERS": "for,proto,host,prefix"}
    hostile = {
        "X-Forwarded-Proto": "javascript",
        "X-Forwarded-Host": "evil.example/",
        "X-Forwarded-Prefix": "//evil.example",
    }
    for config in ({"TRUSTED_PROXIES": 1}, trusting):
        answer = create_app(config).test_client().get("/static//js/main.js", headers=hostile)
        assert answer.headers.get("Location", "/static/js/main.js").endswith("/static/js/main.js")
        assert "evil" not in str(answer.headers)
        assert "javascript:" not in str(answer.headers)
