"""What a connection holds for messages while it closes: the peer may take its time to leave."""

import pytest

from flask_echo.websocket.budget import WAIT_SECONDS, Budget
from flask_echo.websocket.connection import Connection
from tests.support.clients import close_frame, frame
from tests.support.pairs import Open

MIB = 2**20
KEY = bytes(4)  # Masks nothing, which is quick.


class PeakBudget(Budget):
    """Knows the most bytes that were taken at once."""

    peak = 0

    def take(self, count: int, wait: float = WAIT_SECONDS, client: str = "", own: int = 0) -> None:
        super().take(count, wait, client, own)
        self.peak = max(self.peak, self.used)


@pytest.mark.parametrize("kind", [0x81, 0x82], ids=["text", "bytes"])
def test_messages_that_nobody_wants_any_more_are_dropped_one_by_one(serve: Open, kind: int) -> None:
    budget = PeakBudget(100 * MIB)

    def handler(connection: Connection) -> None:
        connection.receive()
        connection.close()

    client, served = serve(handler, budget=budget, max_message_bytes=MIB, close_timeout_seconds=20)
    client.send(frame(0x81, b"go"))
    assert client.receive().close_code == 1000
    for _ in range(20):
        client.send(frame(kind, bytes(MIB), KEY))
    client.send(close_frame())
    assert client.rest() == b""
    client.sock.close()
    assert served.ended().received_messages == 21
    assert 0 < budget.peak < 4 * MIB
    assert budget.used == 0


def test_a_message_that_was_too_slow_holds_nothing_when_the_close_frame_is_sent(
    serve: Open,
) -> None:
    budget = PeakBudget(100 * MIB)
    client, served = serve(budget=budget, send_timeout_seconds=0.3, max_message_bytes=MIB)
    client.send(frame(0x82, bytes(MIB), KEY)[: 100 * 1024])
    assert client.receive().close_code == 1008
    assert budget.peak > 0
    assert budget.used == 0
    client.sock.close()
    served.ended()
