"""Real proxies in front of a server, each with a configuration for every fault."""

from collections.abc import Mapping
from importlib import import_module

from tests.support.products.product import Product, Running, running

# Where each product is; its name is that of its cures.
_PLACES = {
    "nginx": ("nginx", "NGINX"),
    "Apache": ("apache", "APACHE"),
    "HAProxy": ("haproxy", "HAPROXY"),
    "Caddy": ("caddy", "CADDY"),
    "Envoy": ("envoy", "ENVOY"),
    "Traefik": ("traefik", "TRAEFIK"),
    "squid": ("squid", "SQUID"),
    "lighttpd": ("lighttpd", "LIGHTTPD"),
    "Varnish": ("varnish", "VARNISH"),
    "h2o": ("h2o", "H2O"),
    "http-proxy": ("http_proxy", "HTTP_PROXY"),
    "http-proxy-middleware": ("http_proxy_middleware", "HTTP_PROXY_MIDDLEWARE"),
    "Vite": ("vite", "VITE"),
}

PRODUCTS: Mapping[str, Product] = {
    name: getattr(import_module(f"{__name__}.{module}"), constant)
    for name, (module, constant) in _PLACES.items()
}

__all__ = ["PRODUCTS", "Product", "Running", "running"]
