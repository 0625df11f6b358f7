"""All that the page needs of the diagnosis, as data."""

import json
from functools import cache
from typing import Any

from flask_echo.diagnosis.cures import CURES, FAMILIES, SAME
from flask_echo.diagnosis.rules import RULES
from flask_echo.diagnosis.signatures import LIKE, SIGNATURES


@cache
def book_json() -> str:
    """Return the book in JSON. It never changes."""
    return json.dumps(book(), separators=(",", ":"))


def book() -> dict[str, Any]:
    """Return the rules by check, the signatures of products, and the cures, in values that JSON
    has."""
    return {
        "rules": {
            check: [
                {
                    "id": rule.id,
                    "verdict": rule.verdict,
                    "place": rule.place,
                    "when": {name: _listed(wanted) for name, wanted in rule.when.items()},
                    "meaning": rule.meaning,
                    "advice": rule.advice,
                }
                for rule in rules
            ]
            for check, rules in RULES.items()
        },
        "signatures": [
            {"product": sign.product, "place": sign.place, "patterns": dict(sign.patterns)}
            for sign in SIGNATURES
        ],
        "cures": {product: dict(cures) for product, cures in CURES.items()},
        "families": {product: list(members) for product, members in FAMILIES.items()},
        "same": dict(SAME),
        "like": dict(LIKE),
    }


def _listed(wanted: object) -> list[object]:
    """Return the values of which a fact must have one."""
    return list(wanted) if isinstance(wanted, tuple) else [wanted]
