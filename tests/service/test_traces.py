"""Traces: the server's end of the story, for the client that knows its ID."""

import json
import shutil
import signal
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.support.clients import TIMEOUT, RawWebSocket, close_frame, frame, raw
from tests.support.redis import PASSWORD, Redis, running_redis
from tests.support.servers import Server, StartServer
from tests.support.tap import tap
from tests.support.waiting import wait_until
from tests.support.workers import kill_all

NEVER = "0" * 32


def get(server: Server, path: str) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def attempts(server: Server, trace: str) -> list[dict[str, Any]]:
    return list(get(server, f"/traces/{trace}")[1]["attempts"])


def last(server: Server, trace: str, outcome: str = "closed") -> dict[str, Any]:
    """The last attempt, as soon as it has this outcome."""
    wait_until(lambda: [a for a in attempts(server, trace) if a["outcome"] == outcome])
    return attempts(server, trace)[-1]


@pytest.fixture
def trace() -> str:
    return token_hex(16)


@pytest.fixture
def two_workers(start_server: StartServer) -> Server:
    return start_server("gunicorn", "--workers", "2")


@pytest.mark.parametrize("path", ["/echo", "/WS.ashx", "/", "/events?stream=a&mean=3600&"])
def test_the_trace_is_there_before_the_answer_and_on_every_worker(
    two_workers: Server, trace: str, path: str
) -> None:
    joint = "" if path.endswith("&") else "?"
    with raw(two_workers, f"{path}{joint}trace={trace}"):
        for _ in range(8):
            (attempt,) = attempts(two_workers, trace)
            assert attempt["outcome"] == "open"
            assert attempt["end"] is None
            assert trace in attempt["request"]["line"]


def test_a_conversation_is_counted_while_it_lasts(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}") as client:
        client.send(frame(0x81, b"hello"))
        client.receive()
        client.send(frame(0x89, b"?"))
        client.receive()
        wait_until(lambda: attempts(server, trace)[0]["pongs"]["sent"])
        (attempt,) = attempts(server, trace)
    assert attempt["messages"] == {"received": 1, "sent": 1}
    assert attempt["pings"] == {"received": 1, "sent": 0}
    assert attempt["wire_bytes"] == {"received": 11 + 7, "sent": 7 + 3}
    assert attempt["last_byte_at"] >= attempt["at"]
    assert [(f["direction"], f["opcode"]) for f in attempt["frames"]] == [
        ("received", 1),
        ("sent", 1),
        ("received", 9),
        ("sent", 10),
    ]
    assert attempt["frames"][0]["payload"] == b"hello".hex()


def test_the_client_closes(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}") as client:
        client.send(close_frame(4001, "enough"))
        client.receive()
    end = last(server, trace)["end"]
    assert (end["how"], end["code"], end["reason"]) == (
        "close frame from the client",
        4001,
        "enough",
    )
    assert [(f["from"], f["code"]) for f in end["close_frames"]] == [
        ("client", 4001),
        ("server", 4001),
    ]


def test_the_server_closes(server: Server, trace: str) -> None:
    with raw(server, f"/WS.ashx?trace={trace}") as client:
        client.receive()  # The greeting.
        client.send(frame(0x82, b"binary"))
        assert client.receive().close_code == 1003
        client.send(close_frame(1003))
    end = last(server, trace)["end"]
    assert (end["how"], end["code"]) == ("close frame from the server", 1003)


def test_the_stream_ends_without_a_close_frame(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}") as client:
        client.send(frame(0x81, b"hello"))
        client.receive()
    end = last(server, trace)["end"]
    assert (end["how"], end["code"], end["close_frames"]) == ("end of stream", 1006, [])


def test_the_client_resets(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}") as client:
        client.send(frame(0x81, b"hello"))
        client.receive()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sock.close()
        assert last(server, trace)["end"]["how"] == "reset"


def test_a_ping_is_not_answered(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=0.1, PING_TIMEOUT_SECONDS=0.1)
    with raw(server, f"/echo?trace={trace}"):
        attempt = last(server, trace)
    assert (attempt["end"]["how"], attempt["end"]["code"]) == ("unanswered ping", 1008)
    assert attempt["pings"]["sent"] == 1


def test_the_client_does_not_read(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn", SEND_TIMEOUT_SECONDS=4, PING_INTERVAL_SECONDS=0)
    with raw(server, f"/echo?trace={trace}") as client:
        client.sock.settimeout(10)
        message = frame(0x82, bytes(2**20))
        with suppress(OSError):
            for _ in range(100):
                client.send(message)
        assert last(server, trace)["end"]["how"] == "send time-out"


@pytest.mark.parametrize(
    ("path", "status"), [("/echo?", 426), ("/WS.ashx?", 426), ("/inspect?", 426)]
)
def test_a_plain_request_leaves_a_trace(server: Server, trace: str, path: str, status: int) -> None:
    assert get(server, f"{path}trace={trace}")[0] == status
    (attempt,) = attempts(server, trace)
    assert attempt["outcome"] == "refused"
    assert attempt["refusal"]["status"] == status
    assert "lacks" in attempt["refusal"]["reason"]


def test_a_refusal_for_want_of_seats_is_traced(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    with raw(server, "/echo"):
        raw(server, f"/echo?trace={trace}", status=503).__exit__(None, None, None)
        refusal = last(server, trace, "refused")["refusal"]
    assert refusal["status"] == 503
    assert "seats" in refusal["reason"]


def test_four_attempts_are_kept(server: Server, trace: str) -> None:
    for _ in range(6):
        get(server, f"/echo?trace={trace}")
    assert len(attempts(server, trace)) == 4


def test_masked_headers_stay_masked(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}", {"Cookie": "secret=1"}):
        (attempt,) = attempts(server, trace)
    assert "Cookie" in attempt["request"]["masked"]
    assert "secret" not in json.dumps(attempt)


def test_frames_that_came_with_the_request_are_there(server: Server, trace: str) -> None:
    with raw(server, f"/echo?trace={trace}", early=frame(0x81, b"early")) as client:
        assert client.receive().payload == b"early"
        client.send(close_frame())
        client.receive()
    assert last(server, trace)["frames"][0]["payload"] == b"early".hex()


def test_simulated_faults_and_a_trace_go_together(server: Server, trace: str) -> None:
    with raw(server, f"/echo?close=4009&trace={trace}&after=1") as client:
        client.send(frame(0x81, b"x"))
        client.receive()
        assert client.receive().close_code == 4009
    assert last(server, trace)["end"]["code"] == 4009


def test_a_trace_works_without_simulated_faults(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn", REHEARSALS="false", INSPECT="false")
    with raw(server, f"/echo?trace={trace}"):
        assert attempts(server, trace)
    raw(server, "/echo?trace=zz", status=400).__exit__(None, None, None)
    raw(server, f"/echo?trace={trace}&delay=1", status=400).__exit__(None, None, None)


@pytest.mark.parametrize("path", ["/echo", "/inspect"])
@pytest.mark.parametrize("bad", ["zz", "1" * 31, "1" * 33, ""])
def test_a_malformed_id_is_refused(server: Server, path: str, bad: str) -> None:
    with raw(server, f"{path}?trace={bad}", status=400) as client:
        assert b"400 BAD REQUEST" in client.head


@pytest.mark.parametrize("path", ["/WS.ashx", "/"])
def test_other_addresses_ignore_their_query_as_before(server: Server, path: str) -> None:
    with raw(server, f"{path}?trace=zz&anything=1"):
        pass


@pytest.mark.parametrize("path", [f"/traces/{NEVER}", "/traces/short", "/traces/..%2f..%2fetc"])
def test_an_unknown_id_is_404_and_not_logged(start_server: StartServer, path: str) -> None:
    server = start_server("gunicorn")
    before = server.output()
    assert get_status(server, path) == 404
    assert server.output() == before


def get_status(server: Server, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_traces_are_private(server: Server, trace: str) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", f"/traces/{trace}", headers={"Origin": "https://elsewhere.example"})
    response = connection.getresponse()
    assert response.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in response.headers
    connection.close()


def test_traces_can_be_turned_off(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn", TRACES="off")
    with raw(server, f"/echo?trace={trace}"):
        status, body = get(server, f"/traces/{trace}")
    assert (status, body["status"]) == (404, "off")
    assert "operator" in get(server, "/traces")[1]["reason"]


# -- The folder ------------------------------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for temporary files."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def folders(place: Path) -> list[Path]:
    return list(place.glob("flask-echo-traces-*"))


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_folder_goes_with_the_master(
    start_server: StartServer, place: Path, trace: str, sign: int
) -> None:
    server = start_server("gunicorn", "--workers", "2", variables={"TMPDIR": str(place)})
    with raw(server, f"/echo?trace={trace}"):
        (folder,) = folders(place)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(folder.iterdir())
    server.stop(sign)
    assert folders(place) == []


def test_the_folder_of_a_killed_service_goes_with_the_next_start(
    start_server: StartServer, place: Path
) -> None:
    """Not that of a service that is alive."""
    alive, killed = (start_server("gunicorn", variables={"TMPDIR": str(place)}) for _ in range(2))
    assert len(folders(place)) == 2
    kill_all(killed)
    assert len(folders(place)) == 2
    next_one = start_server("gunicorn", variables={"TMPDIR": str(place)})
    assert len(folders(place)) == 2
    for server in (alive, next_one):
        trace = token_hex(16)
        with raw(server, f"/echo?trace={trace}"):
            assert attempts(server, trace)


def test_a_reload_keeps_the_traces(start_server: StartServer, trace: str) -> None:
    server = start_server("gunicorn")
    get(server, f"/echo?trace={trace}")
    server.process.send_signal(signal.SIGHUP)
    server.await_output("Booting worker with pid")
    wait_until(lambda: server.output().count("Booting worker") == 2)
    wait_until(lambda: "Worker exiting" in server.output())
    assert attempts(server, trace)


def test_flask_run_has_a_folder_of_its_own(
    start_server: StartServer, place: Path, trace: str
) -> None:
    server = start_server("flask", variables={"TMPDIR": str(place)})
    with raw(server, f"/echo?trace={trace}"):
        assert attempts(server, trace)
    server.stop(signal.SIGINT)
    assert folders(place) == []


def test_without_a_folder_connections_go_on(start_server: StartServer, place: Path) -> None:
    server = start_server("gunicorn", variables={"TMPDIR": str(place)})
    get(server, f"/echo?trace={token_hex(16)}")  # The worker has found the folder.
    shutil.rmtree(folders(place)[0])
    for _ in range(3):
        with raw(server, f"/echo?trace={token_hex(16)}") as client:
            echoes(client)
    assert get(server, "/traces")[1]["status"] == "off"
    server.await_output("Traces of WebSockets are off: FileNotFoundError. Connections go on.")
    assert server.output().count("Traces of WebSockets are off") == 1
    assert "Traceback" not in server.output()


def echoes(client: RawWebSocket) -> None:
    client.send(frame(0x81, b"still"))
    assert client.receive().payload == b"still"


def test_a_flood_of_one_client_leaves_the_traces_of_others(server: Server, trace: str) -> None:
    sock = socket.create_connection(
        ("127.0.0.1", server.port), TIMEOUT, source_address=("127.0.0.2", 0)
    )
    with RawWebSocket(sock, f"/echo?trace={trace}") as client:
        echoes(client)
        flood(server)
        assert attempts(server, trace)
        assert get(server, "/traces")[1]["dropped_at"]


def flood(server: Server) -> None:
    """Send upgrade requests with traces until the server has dropped some."""
    padding = {f"X-{number}": "x" * 400 for number in range(40)}
    while not get(server, "/traces")[1]["dropped_at"]:
        for _ in range(50):
            connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", f"/echo?trace={token_hex(16)}", headers=padding)
            connection.getresponse().read()
            connection.close()


# -- Redis -----------------------------------------------------------------------------------


@pytest.fixture
def redis(place: Path) -> Iterator[Redis]:
    """A Redis server."""
    with running_redis(place) as redis:
        yield redis


def test_two_machines_share_a_redis(start_server: StartServer, redis: Redis, trace: str) -> None:
    patient = ("--worker-class", "tests.support.counting.PatientStoreWorker")
    one, other = (start_server("gunicorn", *patient, TRACES=redis.url) for _ in range(2))
    wait_until(lambda: get(one, "/traces")[1]["status"] == "on")
    with raw(one, f"/echo?trace={trace}") as client:
        echoes(client)
        assert attempts(other, trace)[0]["outcome"] == "open"
    assert last(other, trace)["end"]["how"] == "end of stream"


def test_without_redis_connections_go_on(
    start_server: StartServer, redis: Redis, trace: str
) -> None:
    server = start_server("gunicorn", TRACES=redis.url)
    wait_until(lambda: get(server, "/traces")[1]["status"] == "on")
    with raw(server, f"/echo?trace={trace}") as client:
        redis.process.kill()
        redis.process.wait()
        echoes(client)
        with raw(server, f"/echo?trace={token_hex(16)}") as another:
            echoes(another)
        wait_until(lambda: get(server, "/traces")[1]["status"] == "off")
    server.await_output("Traces of WebSockets are off")
    assert server.output().count("Traces of WebSockets are off") == 1
    assert PASSWORD not in server.output()


# -- Against a capture -----------------------------------------------------------------------


def on_the_wire(seen: dict[str, Any]) -> bytes:
    """The bytes of a frame of up to 64 bytes of payload, made of its description."""
    payload = bytes.fromhex(seen["wire_payload"] or seen["payload"])
    first = seen["fin"] << 7 | seen["rsv1"] << 6 | seen["opcode"]
    second = (seen["mask"] is not None) << 7 | len(payload)
    return bytes((first, second)) + bytes.fromhex(seen["mask"] or "") + payload


def test_the_frames_are_those_of_a_capture(server: Server, trace: str) -> None:
    with tap(server.port) as captured:
        with connect(f"ws://127.0.0.1:{captured.port}/echo?trace={trace}") as client:
            for message in ("hello", b"\x00\xff", "x" * 60, ""):
                client.send(message)
                assert client.recv() == message
            client.send(["frag", "ments"])
            assert client.recv() == "fragments"
            assert client.ping("?").wait(TIMEOUT)
            client.close(4000, "enough")
        attempt = last(server, trace)
    (connection,) = captured.connections
    for direction, stream in (
        ("received", connection.request),
        ("sent", connection.response),
    ):
        head, _, frames = bytes(stream).partition(b"\r\n\r\n")
        assert b"permessage-deflate" in head
        described = [seen for seen in attempt["frames"] if seen["direction"] == direction]
        assert b"".join(map(on_the_wire, described)) == frames
        assert [seen["wire_length"] for seen in described] == [
            len(on_the_wire(seen)) for seen in described
        ]
        assert attempt["wire_bytes"][direction] == len(frames)
    compressed = [seen for seen in attempt["frames"] if seen["rsv1"]]
    assert {seen["direction"] for seen in compressed} == {"received", "sent"}
