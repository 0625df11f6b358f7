"""A stranger does not take the service from others: each attack, beside fifty bystanders.

The limits on waits are for a slow and busy machine. ``python -m tools.attacks`` prints the figures.
"""

import pytest

from tests.support.sieges import SIEGES

LONGEST_WAIT = 5.0  # seconds
# Where there are no threads, a newcomer may be refused.
REFUSES_NEWCOMERS = {"4 threads", "4 address space"}


@pytest.mark.parametrize("name", SIEGES)
def test_bystanders_are_served_beside(name: str) -> None:
    outcome = SIEGES[name].run()
    waits = outcome.report
    assert outcome.oom_kills == 0
    assert outcome.workers_after == outcome.workers_before, outcome.output[-4000:]
    assert outcome.exit_code == 0, outcome.output[-4000:]
    assert waits.talkers.failures == []
    assert waits.visitors.failures == []
    assert waits.newcomers.failures == [] or name in REFUSES_NEWCOMERS
    for kind in (waits.talkers, waits.visitors):
        assert kind.seconds
        assert kind.longest < LONGEST_WAIT, kind
    assert waits.newcomers.longest < LONGEST_WAIT or name in REFUSES_NEWCOMERS
