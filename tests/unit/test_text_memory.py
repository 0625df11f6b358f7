"""How long the UTF-8 of a text can be is known before it is encoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.websocket.text_memory import most_encoded_bytes

# Each has characters of one width in CPython, or mixes them.
_CHARACTERS = [
    st.characters(max_codepoint=0x7F),
    st.characters(max_codepoint=0xFF),
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]),
    st.characters(exclude_categories=["Cs"]),
]
_TEXTS = st.one_of([st.text(characters) for characters in _CHARACTERS])


@given(_TEXTS, st.integers(1, 300))
def test_no_text_has_more_bytes(part: str, times: int) -> None:
    text = part * times
    assert len(text.encode()) <= most_encoded_bytes(text)


@pytest.mark.parametrize("char", ["x", "é", "漢", "\N{GRINNING FACE}"])
def test_the_longest_text_of_each_width_has_as_many(char: str) -> None:
    text = char * 5000
    assert most_encoded_bytes(text) == len(text.encode())
