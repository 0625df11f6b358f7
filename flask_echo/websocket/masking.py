"""Masking (RFC 6455, section 5.3): in C if the package websockets is installed, else in Python.

The function of websockets is not in its documented interface. So this library works without it.
"""

from collections.abc import Callable

# Measured (CPython 3.11, x86-64): an integer XOR wins up to about 1 KiB (0.4 µs at 32 bytes),
# four strided translations above (1.1 ms per MiB against 3.2 ms).
_XOR_AS_INTEGER_UP_TO = 1024
_from_bytes = int.from_bytes  # Looking it up twice would be a tenth of a short payload.
_XOR_TABLES = [bytes(byte ^ key for byte in range(256)) for key in range(256)]


def unmask_in_python(payload: bytes, key: bytes) -> bytes:
    """See :data:`unmask`."""
    size = len(payload)
    if size <= _XOR_AS_INTEGER_UP_TO:
        # Both sides use the default byte order. To name it would take half as long again.
        pattern = (key * (size // 4 + 1))[:size]
        return (_from_bytes(payload) ^ _from_bytes(pattern)).to_bytes(size)
    mixed_bytes = bytearray(payload)
    for place in range(4):
        mixed_bytes[place::4] = payload[place::4].translate(_XOR_TABLES[key[place]])
    return bytes(mixed_bytes)


#: XOR a payload with a 4-byte key, repeated. It is its own inverse, so it also masks.
unmask: Callable[[bytes, bytes], bytes]
try:
    from websockets.speedups import apply_mask as unmask
except ImportError:
    unmask = unmask_in_python
