"""TLS in gunicorn: the files, a renewed certificate, what is negotiated, and half a handshake."""

import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.clients import TIMEOUT, close_frame, frame, health, raw
from tests.support.servers import Server, StartServer, command, run_to_its_end
from tests.support.tls import issue, trusting
from tests.support.waiting import wait_until
from tests.support.workers import worker_of, workers_of


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def variables(place: Path, **others: str) -> dict[str, str]:
    """The environment that names the files of a folder."""
    return {"CERTFILE": f"{place}/cert.pem", "KEYFILE": f"{place}/key.pem"} | others


def greeting(server: Server, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """Connect, and shake hands."""
    sock = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
    return (context or trusting()).wrap_socket(sock, server_hostname="localhost")


def shown(server: Server) -> bytes:
    """The certificate that a new connection gets."""
    with greeting(server) as sock:
        certificate = sock.getpeercert(binary_form=True)
    assert certificate
    return certificate


def written(place: Path) -> bytes:
    """The certificate in a folder."""
    return ssl.PEM_cert_to_DER_cert((place / "cert.pem").read_text())


# -- The files -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["options", "environment", "gunicorn"])
def test_the_command_and_gunicorn_take_a_certificate(
    start_server: StartServer, tmp_path: Path, how: str
) -> None:
    certificate = issue(tmp_path)
    if how == "options":
        server = start_server("flask-echo", *certificate)
    else:
        kind = "flask-echo" if how == "environment" else "gunicorn"
        server = start_server(kind, variables=variables(tmp_path))
    assert f"Serving on https://localhost:{server.port} (Ctrl-C stops)" in server.output()
    assert shown(server) == written(tmp_path)
    with raw(server) as client:
        client.send(frame(0x81, b"sealed"))
        assert client.receive().payload == b"sealed"


def encrypt(key: Path) -> None:
    loaded = load_pem_private_key(key.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


def replace_key(key: Path) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(key)


def become_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def become_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


Spoil = tuple[str, Callable[[Path], object], str]
SPOILT: dict[str, Spoil] = {
    "no certificate file": ("cert.pem", Path.unlink, "cannot read FILE: No such file or directory"),
    "no key file": ("key.pem", Path.unlink, "cannot read FILE: No such file or directory"),
    "a folder": ("cert.pem", become_folder, "FILE is not a file"),
    "a pipe": ("key.pem", become_pipe, "FILE is not a file"),
    "no certificate": ("cert.pem", lambda f: f.write_text("x"), "FILE holds no certificate in PEM"),
    "no key": ("key.pem", lambda f: f.write_text("x"), "FILE holds no private key in PEM"),
    "another key": ("key.pem", replace_key, "the key in FILE does not belong to the certificate"),
    "an encrypted key": ("key.pem", encrypt, "the key in FILE is encrypted: store it without"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("kind", ["flask-echo", "gunicorn"])
def test_a_bad_file_stops_the_start_with_one_line(tmp_path: Path, kind: str, spoilt: str) -> None:
    name, spoil, told = SPOILT[spoilt]
    issue(tmp_path)
    spoil(tmp_path / name)
    ended = run_to_its_end(command(kind), variables=variables(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("flask_echo: ")
    assert ended.stderr.count("\n") == 1
    assert told.replace("FILE", f"{tmp_path / name}") in ended.stderr


def test_a_bad_file_that_gunicorn_s_option_names_stops_the_start(tmp_path: Path) -> None:
    certificate = issue(tmp_path)
    replace_key(tmp_path / "key.pem")
    ended = run_to_its_end(command("gunicorn", *certificate))
    assert ended.returncode == 2
    # gunicorn says that it starts; then comes our line.
    (line,) = ended.stderr.splitlines()[1:]
    assert "does not belong to the certificate" in line


@pytest.mark.parametrize("kind", ["flask-echo", "gunicorn"])
@pytest.mark.parametrize(("given", "missing"), [("CERTFILE", "KEYFILE"), ("KEYFILE", "CERTFILE")])
def test_a_certificate_without_its_key_stops_the_start(
    tmp_path: Path, kind: str, given: str, missing: str
) -> None:
    issue(tmp_path)
    ended = run_to_its_end(command(kind), variables=variables(tmp_path, **{missing: ""}))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"flask_echo: --{missing.lower()} ({missing}) is missing:"
        " TLS needs the certificate and its private key\n"
    )


def test_an_empty_option_does_not_turn_tls_off() -> None:
    ended = run_to_its_end(command("flask-echo", "--certfile", "", "--keyfile", ""))
    assert ended.returncode == 2
    assert "'--certfile'" in ended.stderr


def test_only_the_start_reads_the_files(start_server: StartServer, tmp_path: Path) -> None:
    # So workers that gunicorn runs as another user need not be able to read them.
    issue(tmp_path)
    server = start_server("gunicorn", variables=variables(tmp_path))
    certificate = written(tmp_path)
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).unlink()
    assert shown(server) == certificate
    os.kill(worker_of(server), signal.SIGKILL)
    wait_until(lambda: server.output().count("Booting worker") == 2, describe=server.describe)
    assert shown(server) == certificate


# -- What is negotiated --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_versions_and_weak_ciphers_are_refused(
    start_server: StartServer, certificate: list[str]
) -> None:
    server = start_server("gunicorn", *certificate)
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        with greeting(server, limited_to(version)) as sock:
            assert sock.version() == version.name.replace("_", ".")
    for context in (
        limited_to(ssl.TLSVersion.TLSv1_1),
        limited_to(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"),
        limited_to(ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    ):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            greeting(server, context)


def limited_to(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """A context of a client that knows only this version, and these ciphers in TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    return context


def test_a_session_is_resumed_by_any_worker(
    start_server: StartServer, certificate: list[str]
) -> None:
    server = start_server("gunicorn", *certificate, "--workers", "2")
    context = limited_to(ssl.TLSVersion.TLSv1_2)
    with greeting(server, context) as sock:
        session = sock.session
    for _ in range(10):
        plain = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
            assert sock.session_reused


# -- A renewed certificate -----------------------------------------------------------------


class Visitors:
    """Threads that open one ``wss:`` connection after the other, and note each failure."""

    def __init__(self, server: Server) -> None:
        self.count = 0
        self.failures: list[BaseException] = []
        self._server = server
        self._done = Event()
        self._threads = [Thread(target=self._visit) for _ in range(2)]

    def __enter__(self) -> "Visitors":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while not self._done.is_set():
            try:
                self._come_and_go()
            except (OSError, AssertionError) as failure:
                self.failures.append(failure)

    def _come_and_go(self) -> None:
        with raw(self._server) as client:
            client.send(frame(0x81, b"hello"))
            # A worker that stops owes a reply, or a Close frame.
            assert client.receive().payload in (b"hello", b"\x03\xe9going away")
            client.send(close_frame())
        self.count += 1


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A folder with two links, as certbot's live/NAME/; the files are in ``1``."""
    place = tmp_path / "live"
    place.mkdir()
    renew(place, tmp_path / "1")
    return place


def renew(live: Path, archive: Path) -> None:
    """Issue a certificate into a new folder, and let the links refer to it, one after the other."""
    archive.mkdir()
    issue(archive)
    for name in ("cert.pem", "key.pem"):
        (live / "new").symlink_to(archive / name)
        (live / "new").replace(live / name)


@pytest.mark.slow
def test_a_renewed_certificate_is_used_after_a_reload_and_nobody_is_refused(
    start_server: StartServer, live: Path, tmp_path: Path
) -> None:
    server = start_server("flask-echo", "--workers", "2", variables=variables(live))
    old = written(live)
    with raw(server) as open_before, Visitors(server) as visitors:
        renew(live, tmp_path / "2")
        assert shown(server) == old
        server.process.send_signal(signal.SIGHUP)
        assert open_before.receive().close_code == 1001
        open_before.send(close_frame(1001))
        assert open_before.rest() == b""
        wait_until(lambda: server.output().count("Worker exiting") == 2, 20, server.describe)
        seen = visitors.count
        wait_until(lambda: visitors.count > seen + 10)
        assert shown(server) == written(live) != old
    assert visitors.failures == []
    assert "Traceback" not in server.output()


@pytest.mark.slow
@pytest.mark.parametrize("spoilt", ["no key file", "no certificate", "another key"])
def test_a_reload_with_a_bad_certificate_keeps_the_old_one(
    start_server: StartServer, live: Path, tmp_path: Path, spoilt: str
) -> None:
    server = start_server("gunicorn", variables=variables(live))
    old = written(live)
    worker = worker_of(server)
    renew(live, tmp_path / "2")
    name, spoil, told = SPOILT[spoilt]
    spoil(live / name)
    server.process.send_signal(signal.SIGHUP)
    server.await_output("The old one stays")
    assert told.replace("FILE", f"{live / name}") in server.output()
    server.await_output(f"Worker exiting (pid: {worker})")
    wait_until(lambda: worker not in workers_of(server), describe=server.describe)
    assert shown(server) == old
    # A worker that replaces a lost one has the old certificate, too.
    os.kill(worker_of(server), signal.SIGKILL)
    wait_until(lambda: server.output().count("Booting worker") == 3, describe=server.describe)
    assert shown(server) == old
    renew(live, tmp_path / "3")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: shown(server) == written(live), describe=server.describe)


# -- Hostile clients -----------------------------------------------------------------------

# A ClientHello of 512 bytes is announced, and 40 come (RFC 8446, sections 4.1.2 and 5.1).
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(29)


def threads_of(pid: int) -> int:
    """How many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


@pytest.mark.slow  # for the ten seconds of the deadline
def test_clients_without_a_byte_take_no_thread_and_no_seat(
    start_server: StartServer, stack: ExitStack, certificate: list[str]
) -> None:
    server = start_server("gunicorn", *certificate)
    worker = worker_of(server)
    before = threads_of(worker)
    silent = [
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        for _ in range(50)
    ]
    # Connections are accepted in order, so those are, too.
    assert health(server)["seats_taken"] == 0
    assert threads_of(worker) < before + 5
    for sock in silent:
        assert sock.recv(1) == b""


@pytest.mark.slow  # for the ten seconds of the deadline
@pytest.mark.parametrize("option", [[], ["--do-handshake-on-connect"]], ids=["default", "option"])
def test_half_a_handshake_takes_no_seat_and_its_thread_returns(
    start_server: StartServer, stack: ExitStack, certificate: list[str], option: list[str]
) -> None:
    server = start_server("gunicorn", *certificate, *option, MAX_CONNECTIONS=2)
    half = [
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        for _ in range(50)
    ]
    for sock in half:
        sock.sendall(HALF_HELLO)
    with raw(server) as first, raw(server):
        first.send(frame(0x81, b"served"))
        assert first.receive().payload == b"served"
        assert health(server)["seats_taken"] == 2
    for sock in half:
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""
    assert server.stop() == 0
    assert "SIGKILL" not in server.output()


@pytest.mark.slow  # for the ten seconds of the deadline
def test_a_handshake_that_drips_has_the_deadline_of_a_header(
    start_server: StartServer, stack: ExitStack, certificate: list[str]
) -> None:
    server = start_server("gunicorn", *certificate)
    dripping = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 0.2))
    deadline = monotonic() + 30
    for byte in HALF_HELLO * 10:
        assert monotonic() < deadline
        try:
            dripping.send(bytes([byte]))
            if dripping.recv(1) == b"":
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    raise AssertionError("the connection was not cut")


def test_plain_http_at_the_tls_port_ends_and_leaves_no_traceback(
    start_server: StartServer, certificate: list[str]
) -> None:
    server = start_server("gunicorn", *certificate)
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionResetError):
            while sock.recv(65536):
                pass
    assert health(server)["seats_taken"] == 0
    assert server.stop() == 0
    assert "Traceback" not in server.output()
