"""A cost in JSON always has the same length, so that an answer can contain its own size."""

import json

from hypothesis import given
from hypothesis import strategies as st

from flask_echo.events.cost import Cost

# Ten gigabytes less one byte, and a day.
sizes = st.integers(0, 10**10 - 1)
seconds = st.floats(0, 86_400)


@given(sizes, sizes, seconds)
def test_a_cost_always_has_the_same_length(received: int, sent: int, cpu: float) -> None:
    text = Cost(received, sent, cpu).json()
    assert len(text) == len(Cost(0, 0, 0.0).json())
    assert json.loads(text) == {
        "received_bytes": received,
        "sent_bytes": sent,
        "cpu_seconds": round(cpu, 6),
    }


def test_a_cost_can_be_a_header() -> None:
    text = Cost(1, 2, 3.0).json()
    assert text.isascii()
    assert text.isprintable()
    assert text == text.strip()
