"""The ID of a trace, which a client chooses and puts into the query of its address."""

import re
from collections.abc import Iterable

PARAMETER = "trace"
ALLOWED = "32 hexadecimal digits of the client's choice"

_ID = re.compile(r"[0-9a-fA-F]{32}")
_IN_QUERY = re.compile(rf"(?:^|&){PARAMETER}=([0-9a-fA-F]{{32}})(?:&|$)")


def is_id(text: str) -> bool:
    """Return whether ``text`` can be the ID of a trace."""
    return _ID.fullmatch(text) is not None


def id_in(query: str) -> str | None:
    """Return the ID in a query string, in lower case; None without a good one."""
    match = _IN_QUERY.search(query) if PARAMETER in query else None
    return match[1].lower() if match else None


def without_trace(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the names and values of a query without a good ID. A malformed one stays."""
    return [(name, text) for name, text in items if name != PARAMETER or not is_id(text)]
