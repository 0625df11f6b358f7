"""How to recognize a proxy: by what it writes into responses and requests.

Each was seen on a real product (tests/matrix). A client can write any request header, so a
signature of a request is believed only for a request of our own.
"""

from collections.abc import Mapping, Sequence
from re import IGNORECASE, search
from typing import NamedTuple


class Signature(NamedTuple):
    """A sign of a product.

    :ivar product: its name, as in the cures.
    :ivar place: ``response`` (of a proxy, or passed on by it), ``request`` (as it arrived at the
        server) or ``page`` (the body of an error that the proxy wrote itself).
    :ivar patterns: a regular expression for each header, by its name in lower case. All of them
        must be found, without regard to case. For a page, the name is empty. An expression must
        mean the same in Python and JavaScript.
    """

    product: str
    place: str
    patterns: Mapping[str, str]


SIGNATURES = (
    # A response names the proxy that the client talks to.
    Signature("Envoy", "response", {"server": "^envoy"}),
    Signature("nginx", "response", {"server": "^(nginx|openresty|freenginx|angie)"}),
    Signature("h2o", "response", {"server": "^h2o"}),
    Signature("AWS", "response", {"server": "^awselb"}),
    Signature("Caddy", "response", {"server": "^caddy"}),
    Signature("Caddy", "response", {"via": "caddy"}),
    Signature("Varnish", "response", {"x-varnish": "."}),
    Signature("squid", "response", {"via": "squid"}),
    Signature("squid", "response", {"server": "^squid"}),
    Signature("lighttpd", "response", {"server": "^lighttpd"}),
    Signature("Apache", "response", {"server": "^apache"}),
    Signature("Envoy", "response", {"x-envoy-upstream-service-time": "."}),
    # Those that say nothing in a header may have a page of their own.
    Signature("HAProxy", "page", {"": "No server is available to handle this request"}),
    Signature("HAProxy", "page", {"": "<body><h1>\\d+ [A-Z][^<]+</h1>\\s[^<]+\\s</body></html>"}),
    Signature("Varnish", "page", {"": "Varnish cache server"}),
    Signature("Envoy", "page", {"": "^upstream (connect error|request timeout)"}),
    # The server sees more of those that hide from clients.
    Signature("Envoy", "request", {"x-envoy-expected-rq-timeout-ms": "."}),
    Signature("Envoy", "request", {"x-envoy-external-address": "."}),
    Signature("Caddy", "request", {"via": "caddy"}),
    Signature("h2o", "request", {"via": "h2o"}),
    Signature("squid", "request", {"via": "squid"}),
    Signature("Varnish", "request", {"x-varnish": "."}),
    Signature("lighttpd", "request", {"x-host": "."}),
    # Both write X-Forwarded-Server. Apache writes neither of the others.
    Signature(
        "Traefik",
        "request",
        {"x-forwarded-server": ".", "x-real-ip": ".", "x-forwarded-port": "."},
    ),
    Signature("Apache", "request", {"x-forwarded-server": "."}),
    # Express answers plain requests, and this service is not in Express.
    Signature("http-proxy-middleware", "response", {"x-powered-by": "^express$"}),
    # The others write http here, also for a WebSocket.
    Signature("http-proxy", "request", {"x-forwarded-proto": "^wss?$"}),
)


# Each of the first looks like the other, too.
LIKE = {"Traefik": "Apache", "http-proxy-middleware": "http-proxy"}


def products_of(
    responses: Sequence[Mapping[str, str]], pages: Sequence[str], request: Mapping[str, str]
) -> list[str]:
    """Return the names of the proxies that can be recognized.

    :param responses: headers by their name in lower case.
    :param pages: bodies of errors that are not the service's.
    :param request: headers as they arrived at the server, by their name in lower case.
    """
    places = {"response": responses, "page": [{"": page} for page in pages], "request": [request]}
    found = [
        sign.product
        for sign in SIGNATURES
        if any(_matches(sign.patterns, texts) for texts in places[sign.place])
    ]
    implied = {LIKE[product] for product in found if product in LIKE}
    return [product for product in dict.fromkeys(found) if product not in implied]


def _matches(patterns: Mapping[str, str], texts: Mapping[str, str]) -> bool:
    return all(search(p, texts.get(name, ""), IGNORECASE) for name, p in patterns.items())
