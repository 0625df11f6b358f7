"""One rule: the facts that make a verdict, and its words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_echo.diagnosis.facts import Fact, Facts

GOOD, NOTABLE, BAD, UNKNOWN = "good", "notable", "bad", "unknown"

# Where a fault is.
PROXY, BEHIND, NETWORK, NOWHERE = "proxy", "behind the proxy", "network", ""
# A server of this project, and any other one.
SERVICE, SERVER = "service", "server"

# A tuple means: one of these.
Condition = Fact | tuple[Fact, ...]


@dataclass(frozen=True)
class Rule:
    """One verdict and its conditions.

    :ivar id: names the fault. Cures are found by it.
    :ivar verdict: ``good``, ``notable``, ``bad`` or ``unknown``.
    :ivar place: where the fault is, or empty.
    :ivar when: the value that a fact must have, or several of which one is enough.
    :ivar meaning: a sentence or two.
    :ivar advice: the same. Lines to paste are not in it.
    """

    id: str
    verdict: str
    place: str
    when: Mapping[str, Condition] = field(default_factory=dict)
    meaning: str = ""
    advice: str = ""

    def holds(self, facts: Facts) -> bool:
        """Return whether all conditions hold."""
        return all(_is(facts.get(name), wanted) for name, wanted in self.when.items())


def _is(fact: Fact, wanted: Condition) -> bool:
    return fact in wanted if isinstance(wanted, tuple) else fact == wanted
