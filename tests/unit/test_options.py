"""SOCK_SERVER_OPTIONS and the environment: what is allowed, what wins, what is refused."""

import gc
from typing import Any

import pytest
from flask import Flask

from flask_echo.websocket import Limits, OptionError, Sock
from flask_echo.websocket.extension import install, total_seats


def limits_of(options: dict[str, Any] | None) -> Limits:
    app = Flask("host")
    app.config["SOCK_SERVER_OPTIONS"] = options
    return install(app).limits()


def test_without_options_the_defaults_hold() -> None:
    assert limits_of(None) == limits_of({}) == Limits()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ping_interval": 25}, Limits(ping_interval_seconds=25.0)),
        ({"ping_interval": None}, Limits(ping_interval_seconds=0.0)),
        ({"max_message_size": 1000}, Limits(max_message_bytes=1000)),
        ({"max_message_size": None}, Limits(max_message_bytes=2**30)),
        ({"subprotocols": ["chat"]}, Limits()),
        ({"close_timeout_seconds": 1, "compression": False},
         Limits(close_timeout_seconds=1.0, compression=False)),
        ({"allowed_origins": ["https://example.org"]},
         Limits(allowed_origins=frozenset({"https://example.org"}))),
        ({"max_connections": 7}, Limits(max_connections=7)),
    ],
    ids=str,
)  # fmt: skip
def test_options_have_simple_websocket_s_names_or_those_of_the_settings(
    options: dict[str, Any], expected: Limits
) -> None:
    assert limits_of(options) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"receive_bytes": 4096}, ["'receive_bytes'", "no such option", "ping_interval"]),
        ({"thread_class": None}, ["'thread_class'", "no such option"]),
        ({"ping_interval": -1}, ["'ping_interval'", "-1", "0 to 3600"]),
        ({"max_message_size": True}, ["'max_message_size'", "True", "1 to 1073741824"]),
        ({"ping_interval": 1, "ping_interval_seconds": 2}, ["under another name"]),
        ({"trusted_proxies": 1}, ["'trusted_proxies'", "no such option"]),
        ({"subprotocols": 5}, ["'subprotocols'", "5", "a token"]),
        ({"subprotocols": ["a b"]}, ["'subprotocols'", "a b", "a token"]),
        ({"ping_timeout_seconds": 10**400}, ["'ping_timeout_seconds'", "0.1 to 3600"]),
        (["ping_interval"], ["use a dictionary"]),
    ],
    ids=str,
)
def test_an_option_without_a_meaning_is_named(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as refused:
        limits_of(options)
    assert "SOCK_SERVER_OPTIONS" in str(refused.value)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_options_may_be_set_after_init_app_and_change() -> None:
    app = Flask("host")
    sock = Sock(app)
    extension = install(app)
    app.config["SOCK_SERVER_OPTIONS"] = {"max_connections": 3, "subprotocols": "chat"}
    assert extension.limits().max_connections == 3
    assert extension.seats.occupancy().capacity == 3
    assert extension.subprotocols() == ("chat",)
    app.config["SOCK_SERVER_OPTIONS"]["max_connections"] = 4
    assert extension.limits().max_connections == 4
    origins = ["https://one.example", "https://two.example"]
    app.config["SOCK_SERVER_OPTIONS"]["allowed_origins"] = origins
    assert extension.limits().allowed_origins == frozenset(origins)
    origins.pop()
    assert extension.limits().allowed_origins == frozenset({"https://one.example"})
    app.config["SOCK_SERVER_OPTIONS"] = {"receive_bytes": 1}
    with pytest.raises(OptionError, match="receive_bytes"):
        extension.limits()
    app.config["SOCK_SERVER_OPTIONS"] = None  # Other tests count the seats of all apps.
    assert sock.app is app


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_ECHO_MAX_MESSAGE_BYTES", "5")
    monkeypatch.setenv("FLASK_ECHO_PING_INTERVAL_SECONDS", "7")
    limits = limits_of({"max_message_size": 6})
    assert (limits.max_message_bytes, limits.ping_interval_seconds) == (6, 7.0)


def test_the_origin_null_may_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_ECHO_ALLOWED_ORIGINS", "null")
    assert limits_of(None).allowed_origins == frozenset({"null"})


def test_a_bad_environment_is_named_at_init_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_ECHO_PING_TIMEOUT_SECONDS", "soon")
    with pytest.raises(OptionError, match="FLASK_ECHO_PING_TIMEOUT_SECONDS='soon' is not allowed"):
        Sock(Flask("host"))


def test_the_seats_of_all_apps_in_the_process_are_counted() -> None:
    gc.collect()
    before = total_seats()
    apps = [Flask("one"), Flask("two")]
    for app in apps:
        app.config["SOCK_SERVER_OPTIONS"] = {"max_connections": 5}
        install(app)
    assert total_seats() == before + 10


def test_a_variable_without_a_meaning_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FLASK_ECHO_MAX_MESAGE_BYTES", "5")
    assert limits_of(None) == Limits()
    assert "FLASK_ECHO_MAX_MESAGE_BYTES is no setting" in caplog.text
