"""Clients: which connections count as those of one client."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

# The longest text of an IPv6 address has 45 characters, and a port may follow.
_LONGEST_TEXT = 64

# A network gives each subscriber a /64 at least, and they may use all its addresses (RFC 6177).
_HOST_BITS = 64


def client_of(address: str | None) -> str:
    """Name the client at ``address``, for counting. The name has 64 characters at most.

    An IPv4 address is one client, and so is a /64 of IPv6. Any other text is a client of its own,
    such as ``unknown`` (RFC 7239, section 6.2).

    :param address: the peer's, or the one that a trusted proxy has forwarded. It may have a port,
        brackets and a zone. None and an empty text stand for a Unix socket.
    """
    return _client((address or "").strip().strip('"')[:_LONGEST_TEXT])


# A client often comes back. With this many names the cache takes a quarter of a megabyte at most.
@lru_cache(maxsize=512)
def _client(text: str) -> str:
    try:
        parsed = ip_address(_bare(text))
    except ValueError:
        return text.lower()
    return _network(parsed)


def _bare(text: str) -> str:
    """Return the address in ``text`` without brackets and port. A zone is no part of its number."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)}/64"
