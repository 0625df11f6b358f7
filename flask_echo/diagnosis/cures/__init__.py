"""What to configure in a proxy against a fault: complete lines to paste.

tests/matrix applies each of them to a real proxy, where it can be installed.
"""

from collections.abc import Mapping
from importlib import import_module

from flask_echo.websocket.cures import PASS_UPGRADES_ON

# The module of each product.
_MODULES = {
    "nginx": "nginx",
    "Apache": "apache",
    "HAProxy": "haproxy",
    "Caddy": "caddy",
    "Envoy": "envoy",
    "Traefik": "traefik",
    "squid": "squid",
    "lighttpd": "lighttpd",
    "Varnish": "varnish",
    "h2o": "h2o",
    "http-proxy": "http_proxy",
    "http-proxy-middleware": "http_proxy_middleware",
    "Vite": "vite",
    "AWS": "aws",
}

# Faults that the same lines cure.
SAME = {
    "upgrade-blocked": "upgrade-not-passed-on",
    "upgrade-held": "upgrade-not-passed-on",
    # http-proxy passes an upgrade on as a plain request, and then drops the answer.
    "answer-held": "upgrade-not-passed-on",
}

# Products that are built on another one, and look like it.
FAMILIES = {"http-proxy": ("http-proxy", "http-proxy-middleware", "Vite")}

_UPGRADES = "upgrade-not-passed-on"


def _collected() -> dict[str, Mapping[str, str]]:
    """Return the cures of each product, by fault."""
    cures: dict[str, Mapping[str, str]] = {}
    for product, module in _MODULES.items():
        own: Mapping[str, str] = import_module(f"{__name__}.{module}").CURES
        upgrades = PASS_UPGRADES_ON.get(product)
        cures[product] = {**({_UPGRADES: upgrades} if upgrades else {}), **own}
    return cures


CURES = _collected()


def cures_for(fault: str, *seen: str) -> dict[str, str]:
    """Return the cures of a fault, by product: first those of the proxies that were seen.

    :param seen: the proxies on the path. If it is exactly one, nothing but its cure is returned.
        Else it is not certain whose fault it is, and all products count.
    """
    fault = SAME.get(fault, fault)
    known = [name for product in seen for name in FAMILIES.get(product, (product,))]
    certain = len(seen) == 1 and any(name in CURES for name in known)
    products = [name for name in known if name in CURES]
    if not certain:
        products += [name for name in CURES if name not in products]
    return {name: CURES[name][fault] for name in products if fault in CURES[name]}
