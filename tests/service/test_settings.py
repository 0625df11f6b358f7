"""Settings: what is taken, what is refused, and how a server says so."""

from typing import Any

import pytest

from flask_echo import create_app
from flask_echo.config import Settings, load_settings
from flask_echo.websocket import OptionError
from tests.support.servers import command, run_to_its_end

REFUSED = [
    ("MAX_CONNECTIONS", "0", "1 to 100000"),
    ("MAX_CONNECTIONS", "100001", "1 to 100000"),
    ("MAX_CONNECTIONS", "many", "whole number"),
    ("MAX_CONNECTIONS", "1.5", "whole number"),
    ("MAX_CONNECTIONS", "true", "whole number"),
    ("MAX_CONNECTIONS", "", "whole number"),
    ("MAX_MESSAGE_BYTES", "-1", "bytes from 1 to 1073741824"),
    ("PING_INTERVAL_SECONDS", "NaN", "seconds from 0 to 3600"),
    ("PING_TIMEOUT_SECONDS", "0", "seconds from 0.1 to 3600"),
    ("SEND_TIMEOUT_SECONDS", "3601", "seconds from 0.1 to 3600"),
    ("CLOSE_TIMEOUT_SECONDS", "61", "seconds from 0.1 to 60"),
    ("DRAIN_DELAY_SECONDS", "301", "seconds from 0 to 300"),
    ("DRAIN_SPREAD_SECONDS", "-1", "seconds from 0 to 3600"),
    ("MAX_CONNECTIONS_PER_CLIENT", "-1", "whole number"),
    ("MAX_CONNECTIONS_PER_CLIENT", "100001", "0 to 100000"),
    ("MAX_HANDSHAKES_PER_SECOND_PER_CLIENT", "0.5", "whole number"),
    ("MAX_HANDSHAKES_PER_SECOND_PER_CLIENT", "10001", "0 to 10000"),
    ("IDLE_TIMEOUT_SECONDS", "86401", "seconds from 0 to 86400"),
    ("MAX_LIFETIME_SECONDS", "604801", "seconds from 0 to 604800"),
    ("COMPRESSION", "maybe", "true or false"),
    ("TRUSTED_PROXIES", "11", "0 to 10"),
    ("TRUSTED_HEADERS", "", "for, proto, host, prefix"),
    ("TRUSTED_HEADERS", "for,port", "for, proto, host, prefix"),
    ("TRUSTED_HEADERS", "X-Forwarded-For", "for, proto, host, prefix"),
    ("REHEARSALS", "maybe", "true or false"),
    ("INSPECT", "2", "true or false"),
    ("METRICS", "prometheus", "true or false"),
    ("ALLOWED_ORIGINS", "", "origins"),
    ("ALLOWED_ORIGINS", "example.org", "origins"),
    ("ALLOWED_ORIGINS", "https://example.org/", "origins"),
    ("ALLOWED_ORIGINS", "https://example.org:port", "origins"),
    ("ALLOWED_ORIGINS", "*, https://example.org", "origins"),
    ("ALLOWED_ORIGINS", "https://user@example.org", "origins"),
    ("TRACES", "REDIS", "percent-encoded password"),
]
TAKEN = [
    ("MAX_CONNECTIONS", "1", 1),
    ("MAX_CONNECTIONS", "1e3", 1000),
    ("MAX_MESSAGE_BYTES", "1073741824", 2**30),
    ("PING_INTERVAL_SECONDS", "0", 0.0),
    ("CLOSE_TIMEOUT_SECONDS", "0.5", 0.5),
    ("DRAIN_DELAY_SECONDS", "300", 300.0),
    ("DRAIN_SPREAD_SECONDS", "0.5", 0.5),
    ("MAX_CONNECTIONS_PER_CLIENT", "0", 0),
    ("MAX_HANDSHAKES_PER_SECOND_PER_CLIENT", "50", 50),
    ("IDLE_TIMEOUT_SECONDS", "300", 300.0),
    ("MAX_LIFETIME_SECONDS", "604800", 604800.0),
    ("COMPRESSION", "Off", False),
    ("COMPRESSION", "1", True),
    ("TRUSTED_PROXIES", "10", 10),
    ("TRUSTED_HEADERS", "for", frozenset({"for"})),
    ("TRUSTED_HEADERS", "Proto, host,prefix", frozenset({"proto", "host", "prefix"})),
    ("REHEARSALS", "false", False),
    ("INSPECT", "off", False),
    ("ALLOWED_ORIGINS", "*", None),
    (
        "ALLOWED_ORIGINS",
        "https://Example.org:443, http://[::1]:8080,null",
        frozenset({"https://example.org", "http://[::1]:8080", "null"}),
    ),
]


@pytest.mark.parametrize(("name", "text", "words"), REFUSED)
def test_a_value_that_is_not_allowed_is_refused_by_name_value_and_range(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, words: str
) -> None:
    monkeypatch.setenv(f"FLASK_ECHO_{name}", text)
    with pytest.raises(OptionError) as refused:
        create_app()
    said = str(refused.value)
    assert said.startswith(f"FLASK_ECHO_{name}=")
    assert words in said
    assert name == "TRACES" or text.lower() in said.lower()
    assert "\n" not in said


@pytest.mark.parametrize(("name", "text", "value"), TAKEN)
def test_a_value_that_is_allowed_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    monkeypatch.setenv(f"FLASK_ECHO_{name}", text)
    taken = getattr(load_settings(), name.lower())
    assert taken == value
    assert type(taken) is type(value)


def test_the_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_ECHO_MAX_CONNECTIONS", "5")
    assert load_settings() == Settings(max_connections=5)
    assert load_settings({"MAX_CONNECTIONS": 7}) == Settings(max_connections=7)


@pytest.mark.parametrize("config", [{"MAX_CONNECTIONS": 0}, {"MAXCONNECTIONS": 1}, {"max": 1}])
def test_the_argument_is_checked_too(config: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="^" + next(iter(config))):
        create_app(config)


@pytest.mark.parametrize("kind", ["gunicorn", "flask", "flask-echo"])
@pytest.mark.parametrize(
    ("name", "text"), [("MAX_CONNECTIONS", "lots"), ("MAX_CONECTIONS", "5")], ids=["value", "name"]
)
def test_a_bad_setting_stops_the_start_with_one_line_and_exit_code_2(
    kind: str, name: str, text: str
) -> None:
    ended = run_to_its_end(command(kind), variables={f"FLASK_ECHO_{name}": text})
    assert ended.returncode == 2
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    assert len(lines) == 1, lines
    assert f"FLASK_ECHO_{name}" in lines[0]
    assert text in lines[0] or name == "MAX_CONECTIONS"


@pytest.mark.parametrize("name", ["MAX_CONECTIONS", "TRACE", "REDIS_PASSWORD"])
def test_an_unknown_name_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"FLASK_ECHO_{name}", "s3cret")
    with pytest.raises(OptionError, match=f"^FLASK_ECHO_{name}: no such option") as refused:
        create_app()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["gunicorn", "flask-echo"])
def test_more_seats_than_open_files_stop_the_start(kind: str) -> None:
    ended = run_to_its_end(limited(1444, command(kind)), MAX_CONNECTIONS=200)
    assert ended.returncode == 2
    assert ended.stderr == (
        "flask_echo: FLASK_ECHO_MAX_CONNECTIONS=200 needs 1544 open files, and the limit is 1444"
        " (ulimit -Hn). It is enough for 100 connections.\n"
    )
    assert ended.stdout == ""


def test_through_tls_each_seat_needs_two_open_files(certificate: list[str]) -> None:
    served = command("gunicorn", *certificate)
    ended = run_to_its_end(limited(1644, served), MAX_CONNECTIONS=200)
    assert ended.returncode == 2
    # gunicorn says that it starts; then comes our line.
    assert ended.stderr.splitlines()[1:] == [
        "flask_echo: FLASK_ECHO_MAX_CONNECTIONS=200 needs 1744 open files, and the limit is 1644"
        " (ulimit -Hn). It is enough for 150 connections."
    ]


def limited(files: int, words: list[str]) -> list[str]:
    """Return a command line that runs ``words`` with a limit on open files."""
    return ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *words]
