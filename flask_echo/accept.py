"""Which kind of response a client prefers."""

from collections.abc import Sequence

from flask import request

# Browsers send about 150 characters. Parsing hundreds of KiB would take seconds.
_LONGEST_ACCEPT = 1000


def preferred(kinds: Sequence[str]) -> str | None:
    """Return the media type that the client of the current request likes best.

    :param kinds: those that there are. Of equal ones, the first is taken.
    :return: None if the client takes none of them, or sends an absurd Accept header.
    """
    if len(request.headers.get("Accept", "")) > _LONGEST_ACCEPT:
        return None
    return request.accept_mimetypes.best_match(kinds)
