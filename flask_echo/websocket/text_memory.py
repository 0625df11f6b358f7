"""How much memory CPython takes for a text.

It keeps each character in one, two or four bytes, behind a header of about 74 bytes. The widest
character decides for the whole text.
"""

from sys import getsizeof

# The header of a shorter text would hide the width of its characters.
_MEASURABLE = 200
_HEADER_BYTES = 74
WIDEST = 4


def width(text: str) -> int:
    """Return the bytes per character of a text that is not ASCII; 4 for a short text."""
    if len(text) < _MEASURABLE:
        return WIDEST
    return round((getsizeof(text) - _HEADER_BYTES) / len(text))


def most_encoded_bytes(text: str) -> int:
    """Return how long the UTF-8 of a text can be. CPython makes room for that before it encodes.

    One byte per character stands for at most two bytes of UTF-8, two for three, and four for four
    (RFC 3629, section 3).
    """
    if text.isascii():
        return len(text)
    return len(text) * min(width(text) + 1, WIDEST)
