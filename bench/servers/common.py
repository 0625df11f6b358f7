"""What the peers have in common, so that none is faster by its settings."""

import sys

HOST = "127.0.0.1"
# More than any load sends, so that no limit is near. Pings are off in every server. Compression is
# as each server has it by default: the clients of a load offer it or not.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


def port_argument() -> int:
    """Return the port the benchmark chose, the first argument of every server."""
    return int(sys.argv[1])
