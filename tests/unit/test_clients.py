"""Clients: which addresses are those of one client."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.websocket.clients import client_of

IPV4 = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
# 2000::/3 is the part that is in use; IPv4 addresses are not mapped there.
IPV6 = st.builds(IPv6Address, st.integers(2**125, 2**126 - 1))


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:4711", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
        ("[2001:db8:0:1::7]", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1::7]:4711", "2001:db8:0:1::/64"),
        ('"[2001:db8:0:1::7]:4711"', "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[fe80::1%eth0]:4711", "fe80::/64"),
        ("unknown", "unknown"),
        ("Unknown", "unknown"),
        ("_hidden", "_hidden"),
        ("203.0.113.999", "203.0.113.999"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_of_a_client(address: str | None, client: str) -> None:
    assert client_of(address) == client


@given(IPV4, st.integers(0, 65535))
def test_an_ipv4_address_is_one_client_in_every_form(address: IPv4Address, port: int) -> None:
    forms = [f"{address}", f"{address}:{port}", f"::ffff:{address}", f"[::ffff:{address}]:{port}"]
    assert {client_of(form) for form in forms} == {str(address)}


@given(IPV6, st.integers(0, 2**64 - 1), st.integers(0, 63))
def test_a_64_of_ipv6_is_one_client(address: IPv6Address, host: int, bit: int) -> None:
    neighbour = IPv6Address(int(address) >> 64 << 64 | host)
    stranger = IPv6Address(int(address) ^ 1 << 64 + bit)
    assert client_of(str(neighbour)) == client_of(f"[{address.exploded}%zone]:1")
    assert client_of(str(stranger)) != client_of(str(address))


@given(st.text() | st.text(alphabet="0123456789abcdef:.[]%"))
def test_any_text_is_a_client_with_a_short_name(text: str) -> None:
    client = client_of(text)
    assert len(client) <= 64 * 3  # Lower case may have more characters.
    assert client_of(text) == client


def test_a_long_text_costs_no_memory() -> None:
    assert client_of("x" * 10_000) == client_of("x" * 20_000) == "x" * 64
