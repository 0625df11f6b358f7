"""The health check of the container: exit with 0 if the service answers, and with 1 if not.

It asks for ``/healthz/live``, because ``/healthz`` answers 503 during a drain, and an orchestrator
would then kill the container before the drain ends. It ignores the proxies of the environment.
"""

import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

TIMEOUT_SECONDS = 4


def connection() -> HTTPConnection:
    """Return a connection to the service in this container, over TLS if it has a certificate."""
    port = int(os.environ.get("PORT") or 8080)
    if not os.environ.get("CERTFILE"):
        return HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    # The certificate names another host than 127.0.0.1. An expired one is no
    # fault of the service.
    unchecked = ssl._create_unverified_context()
    return HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, context=unchecked)


def main() -> int:
    """Ask the service whether it lives, and return the exit code."""
    try:
        asked = connection()
        asked.request("GET", "/healthz/live")
        status = asked.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"no response: {error}")
        return 1
    print(f"status {status}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
