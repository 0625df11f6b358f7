"""The service without the package websockets, whose function in C unmasks otherwise."""

import random

from tests.support.clients import frame, raw
from tests.support.servers import WITHOUT_WEBSOCKETS, StartServer

SIZES = [0, 1, 125, 126, 1025, 20_000, 65536, 2**20]


def test_messages_come_back_without_websockets(start_server: StartServer) -> None:
    server = start_server("gunicorn", variables={"PYTHONPATH": str(WITHOUT_WEBSOCKETS)})
    numbers = random.Random(1)
    with raw(server) as client:
        for size in SIZES:
            payload = numbers.randbytes(size)
            client.send(frame(0x82, payload, numbers.randbytes(4)))
            assert client.receive().payload == payload
