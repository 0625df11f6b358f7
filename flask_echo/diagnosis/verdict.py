"""A verdict: the first rule that holds, with its words filled in, and its cures."""

import re
from dataclasses import dataclass, field

from flask_echo.diagnosis.cures import cures_for
from flask_echo.diagnosis.facts import Facts
from flask_echo.diagnosis.rules import RULES

_WORD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Verdict:
    """What a check has found.

    :ivar check: the name of the check.
    :ivar id: names the fault, or what is good.
    :ivar verdict: ``good``, ``notable``, ``bad``, ``unknown`` or ``skipped``.
    :ivar place: where the fault is: ``proxy``, ``service``, ``behind the proxy``, ``network``.
    :ivar product: the proxy, as far as it is known.
    :ivar cures: lines to paste, by product.
    :ivar facts: what the verdict was made from.
    """

    check: str
    id: str
    verdict: str
    place: str
    meaning: str
    advice: str = ""
    product: str = ""
    cures: dict[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)


def judge(check: str, facts: Facts) -> Verdict:
    """Return the verdict of a check. The same facts make the same verdict in the page."""
    rule = next(rule for rule in RULES[check] if rule.holds(facts))
    product = str(facts.get("product") or "")
    seen = str(facts.get("products") or product).split(", ")
    cures = cures_for(rule.id, *seen) if rule.verdict in ("bad", "notable") else {}
    return Verdict(
        check,
        rule.id,
        rule.verdict,
        rule.place,
        filled(rule.meaning, facts),
        filled(rule.advice, facts),
        product,
        cures,
        facts,
    )


def filled(sentence: str, facts: Facts) -> str:
    """Put facts into a sentence."""
    return _WORD.sub(lambda word: str(facts.get(word[1], "")), sentence)


def skipped(check: str, reason: str) -> Verdict:
    """Return the verdict of a check that did not run."""
    return Verdict(check, "skipped", "skipped", "", reason)
