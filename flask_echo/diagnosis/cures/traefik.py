"""What to configure in Traefik: complete dynamic configurations in YAML to paste.

BACKEND is the address of the server.
"""

from flask_echo.diagnosis.paths import PATHS

_SERVICES = """\
  services:
    app:
      loadBalancer:
        servers:
        - url: http://BACKEND"""

# The router of WebSockets has no middlewares, whatever the other one has.
_ROUTED = f"""\
http:
  routers:
    all:
      rule: PathPrefix(`/`)
      service: app
    websockets:
      rule: {" || ".join(f"Path(`{path}`)" for path in PATHS)}
      service: app
      priority: 1000
{_SERVICES}"""

_PREFIXED = f"""\
http:
  routers:
    app:
      rule: PathPrefix(`/ws/`)
      service: app
      middlewares: [strip]
  middlewares:
    strip:
      stripPrefix:
        prefixes: [/ws]
{_SERVICES}"""

_SLOW = f"""\
{_ROUTED}
        serversTransport: patient
  serversTransports:
    patient:
      forwardingTimeouts:
        responseHeaderTimeout: 60s"""

_NO_HEADERS = f"# Without the middleware headers, at least for WebSockets:\n{_ROUTED}"

CURES = {
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/headers/
    "upgrade-not-passed-on": _NO_HEADERS,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/headers/
    "compression-offer-removed": _NO_HEADERS,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/headers/
    "origin-changed": _NO_HEADERS,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/headers/
    "origin-removed": _NO_HEADERS,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/
    "host-changed": f"# Without passHostHeader: false\n{_ROUTED}",
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/stripprefix/
    "prefix-not-announced": _PREFIXED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/stripprefix/
    "prefix-not-stripped": _PREFIXED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/addprefix/
    "prefix-added": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/replacepath/
    "path-rewritten": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
    "path-not-routed": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/
    "server-down": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/serverstransport/
    "server-slow": _SLOW,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/basicauth/
    "proxy-401": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/ipallowlist/
    "proxy-403": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/redirectregex/
    "proxy-301": _ROUTED,
    # https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/inflightreq/
    "proxy-limit": _ROUTED,
}
