"""The password of Redis: no error, no line of the log and no page has it."""

import subprocess
from collections.abc import Iterator
from secrets import token_hex
from urllib.parse import quote, unquote

import pytest

from flask_echo import create_app
from flask_echo.config import load_settings
from flask_echo.websocket import OptionError
from tests.support.clients import ask, raw, request_bytes
from tests.support.products.product import listens
from tests.support.required import program
from tests.support.servers import StartServer, command, free_port, port_of_nobody, run_to_its_end
from tests.support.waiting import wait_until

# Percent-encoded, it needs each kind of care: a slash, a quote, a letter beyond ASCII.
SECRET = 's3cret/@"#?\u00e9'
ENCODED = quote(SECRET, safe="")

# Where the secret is in the address, the address is no good.
BAD = [
    "redis://:{}",
    "redis://:{}@",
    "redis://:{}@host:port",
    "redis://:{}@host:70000",
    "redis:/:{}@host",
    "redis//user:{}@host",
    "reddis://user:{}@host:6379/0",
    "user:{}@host",
    "{}",
    "http://user:{}@host",
    "redis://user:12/{}@host",
    "redis://user:12#{}@host",
    "redis://user:12?{}@host",
    '{{"address": "redis://:{}@host"}}',
]


def page(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def assert_no_secret(text: str) -> None:
    for form in (text, unquote(text), text.encode().decode("unicode_escape", "replace")):
        assert "s3cret" not in form, text


@pytest.mark.parametrize("secret", ["s3cret", "s3cret/x", "s3 cret", SECRET, ENCODED])
@pytest.mark.parametrize("address", BAD)
def test_no_error_of_a_setting_has_it(
    monkeypatch: pytest.MonkeyPatch, address: str, secret: str
) -> None:
    monkeypatch.setenv("FLASK_ECHO_TRACES", address.format(secret))
    with pytest.raises(OptionError, match=r"FLASK_ECHO_TRACES=\.\.\. is not allowed") as refused:
        create_app()
    assert str(refused.value).isprintable()
    for part in ("s3", "cret"):
        assert part not in str(refused.value)


def test_no_error_of_an_argument_has_it() -> None:
    for name in ("TRACES", "REDIS"):
        with pytest.raises(OptionError, match=f"^{name}") as refused:
            create_app({name: "redis://:s3cret@host:port"})
        assert_no_secret(str(refused.value))


def test_an_address_in_another_setting_loses_it() -> None:
    with pytest.raises(OptionError, match="ALLOWED_ORIGINS") as refused:
        create_app({"ALLOWED_ORIGINS": "https://user:s3cret/x@host"})
    assert_no_secret(str(refused.value))


def test_the_settings_do_not_show_it() -> None:
    settings = load_settings({"TRACES": f"redis://:{ENCODED}@host"})
    assert settings.traces == f"redis://:{ENCODED}@host"
    assert_no_secret(repr(settings))


@pytest.mark.parametrize("kind", ["gunicorn", "flask", "flask-echo"])
def test_a_refused_start_does_not_print_it(kind: str) -> None:
    ended = run_to_its_end(command(kind), TRACES="redis://:s3cret@host:port")
    assert ended.returncode == 2
    assert "FLASK_ECHO_TRACES=..." in ended.stderr
    assert_no_secret(ended.stdout + ended.stderr)


def test_gunicorn_s_configuration_does_not_show_it() -> None:
    shown = run_to_its_end(command("gunicorn", "--print-config"), TRACES=f"redis://:{ENCODED}@host")
    assert shown.returncode == 0
    assert "worker_class" in shown.stdout
    assert_no_secret(shown.stdout + shown.stderr)


# -- A Redis that fails ----------------------------------------------------------------------


@pytest.fixture
def refusing_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis that knows another password."""
    port = free_port()
    place = tmp_path_factory.mktemp("redis")
    words = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    words += ["--dir", str(place), "--requirepass", "another"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port))
        yield port
    finally:
        process.kill()
        process.wait()


def assert_service_keeps_it(start_server: StartServer, address: str, **settings: str) -> None:
    """Serve with an address that fails, and look at all that the service says about it."""
    server = start_server("gunicorn", "--log-level", "debug", TRACES=address, **settings)
    traces = page("/traces")
    wait_until(lambda: '"off"' in ask(server, traces).text.replace(" ", ""))
    trace = token_hex(16)
    with raw(server, f"/echo?trace={trace}"):
        pass
    requests = [traces, page("/healthz"), page(f"/traces/{trace}"), request_bytes("/inspect?x=1")]
    for request in requests:
        assert_no_secret(ask(server, request).text)
    with raw(server, "/inspect") as client:
        assert_no_secret(client.receive().payload.decode())
    server.await_output("Traces of WebSockets are off")
    server.stop()
    assert_no_secret(server.output())


@pytest.mark.parametrize("secret", ["s3cret", ENCODED])
def test_a_redis_that_cannot_be_reached_leaks_nothing(
    start_server: StartServer, secret: str
) -> None:
    with port_of_nobody() as port:
        assert_service_keeps_it(start_server, f"redis://user:{secret}@127.0.0.1:{port}/0")


def test_a_redis_that_refuses_the_password_leaks_nothing(
    start_server: StartServer, refusing_redis: int
) -> None:
    address = f"redis://:{ENCODED}@127.0.0.1:{refusing_redis}/0"
    assert_service_keeps_it(start_server, address)


def test_the_name_of_a_store_does_not_depend_on_it(
    start_server: StartServer, refusing_redis: int
) -> None:
    names = set()
    for user in (":another@", "default:another@", ""):
        query = "" if user else "?password=another"
        address = f"redis://{user}127.0.0.1:{refusing_redis}/0{query}"
        server = start_server("gunicorn", TRACES=address)
        status = ask(server, page("/traces")).text
        assert '"on"' in status
        names.add(status.partition('"store"')[2])
    assert len(names) == 1
