"""Envoy, with its listener in a file that it watches, so that it can be reloaded."""

import re
import time
from pathlib import Path
from textwrap import indent

from tests.support.products.product import Product, Running

_SEPARATOR = "\n---\n"

# What Envoy reads at its start, then its listener, and then what belongs into these two. Each of
# those parts begins in the first column, so that a cure can be pasted as it is.
_CONFIGURATION = """
dynamic_resources:
  lds_config:
    path_config_source:
      path: PLACE/listeners.yaml
node: { id: proxy, cluster: proxy }
static_resources:
  clusters:
  $CLUSTERS
---
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: proxy
  address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: proxy
        $MANAGER
        route_config:
          virtual_hosts:
          - name: proxy
            domains: ["*"]
            routes:
            $ROUTES
    $CHAIN
---
LINES
"""  # noqa: E501  # A name cannot be divided.

_ROUTER = """
- name: envoy.filters.http.router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"""

# Without use_remote_address it sends no X-Forwarded-For.
_PLAIN = "use_remote_address: true"
_UPGRADES = f"""
{_PLAIN}
upgrade_configs:
- upgrade_type: websocket"""

_TLS = """
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
    common_tls_context:
      alpn_protocols: [h2, http/1.1]
      tls_certificates:
      - certificate_chain: { filename: CERTIFICATE }
        private_key: { filename: KEY }"""

_ALL = "- { match: { prefix: / }, route: { cluster: app } }"


def _cluster(name: str, *servers: str, more: str = "") -> str:
    endpoints = ", ".join(
        f"{{ endpoint: {{ address: {{ socket_address: "
        f"{{ address: {server}_HOST, port_value: {server}_PORT }} }} }} }}"
        for server in servers
    )
    return f"""
- name: {name}
  type: STATIC
  load_assignment:
    cluster_name: {name}
    endpoints: [{{ lb_endpoints: [{endpoints}] }}]
{indent(more, "  ")}"""


_APP = _cluster("app", "BACKEND")


def _lines(
    routes: str = _ALL,
    manager: str = _UPGRADES,
    *,
    filters: str = "",
    chain: str = "",
    clusters: str = _APP,
) -> str:
    """All parts of a configuration."""
    return _SEPARATOR.join(
        [f"{manager}\nhttp_filters:{filters}{_ROUTER}", routes, chain or "# HTTP", clusters]
    )


def _all(action: str = "", more: str = "") -> str:
    """One route for everything, with more in its action or beside that."""
    return f"- match: {{ prefix: / }}\n  route: {{ cluster: app, {action} }}\n{indent(more, '  ')}"


def _prefix(action: str = "") -> str:
    return f"- match: {{ prefix: /ws/ }}\n  route: {{ cluster: app, {action} }}"


def _two(what: str) -> str:
    """Routes for ``/echo`` and ``/inspect``, and one for the rest. ``what`` may have the path."""
    routes = [
        f"- match: {{ path: {path} }}\n{indent(what.format(path=path), '  ')}"
        for path in ("/echo", "/inspect")
    ]
    return "\n".join([*routes, _ALL])


def _set_header(key: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> str:
    return f"""
request_headers_to_add:
- header: {{ key: {key}, value: "{value}" }}
  append_action: {action}"""


# It has the password secret for the user somebody. Its own realm would be the address.
_BASIC_AUTH = """
- name: envoy.filters.http.basic_auth
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3.BasicAuth
    users: { inline_string: "somebody:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" }"""
_REALM = f"""{_UPGRADES}
local_reply_config:
  mappers:
  - filter:
      status_code_filter:
        comparison: {{ value: {{ default_value: 401, runtime_key: unused }} }}
    headers_to_add:
    - header: {{ key: WWW-Authenticate, value: 'Basic realm="proxy"' }}
      append_action: OVERWRITE_IF_EXISTS_OR_ADD"""
_NO_BASIC_AUTH = """- match: { prefix: / }
  route: { cluster: app }
  typed_per_filter_config:
    envoy.filters.http.basic_auth:
      "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
      config: {}
      disabled: true"""
_RBAC = """
- name: envoy.filters.http.rbac
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
    rules:
      action: DENY
      policies:
        private:
          principals: [{ any: true }]
          permissions:
          - url_path: { path: { exact: /echo } }
          - url_path: { path: { exact: /inspect } }"""

_TO_APP = "route: { cluster: app }"
_TO_ANOTHER = "route: { cluster: websockets }"
_ONE_AT_A_TIME = """
circuit_breakers:
  thresholds:
  - max_requests: 1"""


def _words(file: Path, _port: int) -> list[str]:
    """Write what Envoy reads, from the parts; return its arguments."""
    bootstrap, listener, *parts = file.read_text().split(_SEPARATOR)
    for name, part in zip(("MANAGER", "ROUTES", "CHAIN", "CLUSTERS"), parts, strict=True):
        bootstrap, listener = (_put(text, f"${name}", part) for text in (bootstrap, listener))
    (file.parent / "listeners.yaml").write_text(listener)
    start = file.with_name("envoy.yaml")
    start.write_text(bootstrap)
    # A comment of the configuration says it, because only an argument can set it.
    drain = re.search(r"--drain-time-s \d+", "".join(parts))
    return [
        *("-c", str(start), "--concurrency", "1", "--disable-hot-restart", "-l", "warn"),
        *(drain[0].split() if drain else []),
    ]


def _put(text: str, name: str, part: str) -> str:
    return re.sub(
        rf"^( *){re.escape(name)}$", lambda match: indent(part, match[1]), text, flags=re.M
    )


def _reload(running: Running) -> None:
    """Give the listener another setting. Envoy notices only a file that is moved to its place."""
    file = running.place / "listeners.yaml"
    text = re.sub("stat_prefix: .*", f"stat_prefix: at_{time.monotonic_ns()}", file.read_text())
    new = running.place / "new.yaml"
    new.write_text(text)
    new.replace(file)


ENVOY = Product(
    programs=("envoy",),
    words=_words,
    configuration=_CONFIGURATION,
    correct=_lines(),
    faults={
        "upgrade-not-passed-on": _lines(manager=_PLAIN),
        "idle-cut": _lines(manager=f"{_UPGRADES}\nstream_idle_timeout: 3s"),
        "lifetime-limit": _lines(
            manager=f"{_UPGRADES}\ncommon_http_protocol_options: {{ max_stream_duration: 4s }}"
        ),
        "compression-offer-removed": _lines(
            _all(more="request_headers_to_remove: [Sec-WebSocket-Extensions]")
        ),
        "compression-answer-removed": _lines(
            _all(more="response_headers_to_remove: [Sec-WebSocket-Extensions]")
        ),
        "origin-changed": _lines(_all(more=_set_header("Origin", "http://BACKEND"))),
        "origin-removed": _lines(_all(more="request_headers_to_remove: [Origin]")),
        "host-changed": _lines(_all("host_rewrite_literal: 'BACKEND'")),
        "prefix-not-announced": _lines(_prefix("prefix_rewrite: /")),
        "prefix-not-stripped": _lines(_prefix()),
        "prefix-added": _lines(_two("route: {{ cluster: app, prefix_rewrite: /app{path} }}")),
        "path-rewritten": _lines(_two("route: {{ cluster: app, prefix_rewrite: / }}")),
        # No route fits /echo and /inspect.
        "path-not-routed": _lines("""
- match:
    prefix: /
    headers:
    - name: :path
      string_match: { safe_regex: { regex: '/(echo|inspect)(\\?.*)?' } }
      invert_match: true
  route: { cluster: app }"""),
        "server-down": _lines(
            _two("route: {{ cluster: websockets }}"), clusters=_APP + _cluster("websockets", "DEAD")
        ),
        # The time-out of a route begins with the end of the request, which an upgrade does not
        # have. So this is the time without a byte.
        "server-slow": _lines(
            _two("route: {{ cluster: websockets, timeout: 3s, idle_timeout: 3s }}"),
            clusters=_APP + _cluster("websockets", "SILENT"),
        ),
        "proxy-401": _lines(
            _two("route: {{ cluster: app }}").replace(_ALL, _NO_BASIC_AUTH),
            _REALM,
            filters=_BASIC_AUTH,
        ),
        "proxy-403": _lines(filters=_RBAC),
        "proxy-301": _lines(
            _two(
                "redirect: {{ host_redirect: 127.0.0.1, port_redirect: DEAD_PORT,"
                " path_redirect: /elsewhere }}"
            )
        ),
        "proxy-limit": _lines(
            _two("route: {{ cluster: websockets }}"),
            clusters=_APP + _cluster("websockets", "BACKEND", more=_ONE_AT_A_TIME),
        ),
        "reload": _lines(manager=f"# Start Envoy with: --drain-time-s 1\n{_UPGRADES}"),
        "two-servers": _lines(clusters=_cluster("app", "BACKEND", "SECOND")),
        "http-2": _lines(chain=_TLS),
        "http-2-connect": _lines(
            manager=f"{_UPGRADES}\nhttp2_protocol_options: {{ allow_connect: true }}", chain=_TLS
        ),
    },
    cured={
        "upgrade-not-passed-on": _lines(manager=f"{_PLAIN}\nCURE"),
        "idle-cut": _lines(manager=f"{_UPGRADES}\nCURE"),
        "lifetime-limit": _lines(manager=f"{_UPGRADES}\nCURE"),
        **dict.fromkeys(
            (
                "compression-offer-removed",
                "compression-answer-removed",
                "origin-changed",
                "origin-removed",
                "host-changed",
            ),
            _lines(f"{_ALL}\nCURE"),
        ),
        **dict.fromkeys(("prefix-not-announced", "prefix-not-stripped"), _lines("CURE")),
        # The first route that fits is taken.
        **dict.fromkeys(
            ("prefix-added", "path-rewritten", "path-not-routed", "proxy-301"),
            _lines(f"CURE\n{_ALL}"),
        ),
        "server-slow": _lines(f"CURE\n{_ALL}"),
        "proxy-401": _lines(f"CURE\n{_NO_BASIC_AUTH}", _REALM, filters=_BASIC_AUTH),
        "proxy-403": _lines(f"CURE\n{_ALL}", filters=_RBAC),
        **dict.fromkeys(
            ("server-down", "proxy-limit"),
            _lines(_two("route: {{ cluster: websockets }}"), clusters=f"{_APP}\nCURE"),
        ),
        "reload": _lines(manager=f"CURE\n{_UPGRADES}"),
        # This is the verdict about http-2-connect.
        "key-missing": _lines(
            f"CURE\n{_ALL}",
            f"{_UPGRADES}\nhttp2_protocol_options: {{ allow_connect: true }}",
            chain=_TLS,
        ),
    },
    impossible={"http-1.0": "Envoy speaks no HTTP/1.0 to a server"},
    file="parts.yaml",
    reload=_reload,
)
