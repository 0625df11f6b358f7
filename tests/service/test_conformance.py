"""The quick sections of the Autobahn cases; `make conformance` plays them all."""

import pytest

from tests.support.servers import Server
from tools.conformance import INFORMATIONAL, OK, QUICK, play

# How many cases each section has, so that none is left out unnoticed.
CASES = {"1.*": 16, "2.*": 11, "3.*": 7, "4.*": 10, "5.*": 20, "6.*": 145, "7.*": 37, "10.*": 1}


@pytest.mark.parametrize("section", QUICK)
def test_the_cases_of_a_section_are_ok_with_a_clean_close(server: Server, section: str) -> None:
    tally, odd = play(server, [section])
    assert odd == []
    expected = {OK: CASES[section]}
    if section == "7.*":
        expected = {OK: 34, INFORMATIONAL: 3}
    assert dict(tally) == expected
