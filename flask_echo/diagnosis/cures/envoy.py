"""What to configure in Envoy, by the fault.

``app`` stands for the name of the server's cluster, and ``BACKEND_HOST`` and ``BACKEND_PORT`` for
the two parts of ``BACKEND``. The first route that fits a request is taken, so routes belong before
the others.
"""

from flask_echo.diagnosis.paths import PATTERN


def _to_app(more: str = "") -> str:
    """A route of its own for the addresses of WebSockets."""
    match = f'{{ safe_regex: {{ regex: "{PATTERN}" }} }}'
    return f"- match: {match}\n  route: {{ cluster: app }}{more}"


def _without(filter_name: str) -> str:
    """A route that a filter leaves alone."""
    return _to_app(f"""
  typed_per_filter_config:
    envoy.filters.http.{filter_name}:
      "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
      config: {{}}
      disabled: true""")


def _cluster(more: str = "") -> str:
    """The cluster that a route to WebSockets names."""
    return f"""\
- name: websockets
  type: STRICT_DNS
  load_assignment:
    cluster_name: websockets
    endpoints:
    - lb_endpoints:
      - endpoint:
          address:
            socket_address: {{ address: BACKEND_HOST, port_value: BACKEND_PORT }}{more}"""


_AT_A_PREFIX = """\
- match: { prefix: /ws/ }
  route: { cluster: app, prefix_rewrite: / }
  request_headers_to_add:
  - header: { key: X-Forwarded-Prefix, value: /ws }
    append_action: OVERWRITE_IF_EXISTS_OR_ADD"""

CURES = {
    # https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts
    # For the connection manager. A route may have its own idle_timeout.
    "idle-cut": "stream_idle_timeout: 3600s",
    # https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts
    # For the connection manager. A route may have its own max_stream_duration.
    "lifetime-limit": "common_http_protocol_options: { max_stream_duration: 0s }",
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "compression-offer-removed": "# Remove: request_headers_to_remove: [Sec-WebSocket-Extensions]",
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "compression-answer-removed": (
        "# Remove: response_headers_to_remove: [Sec-WebSocket-Extensions]"
    ),
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "origin-changed": "# Remove from request_headers_to_add: header: { key: Origin }",
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "origin-removed": "# Remove: request_headers_to_remove: [Origin]",
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    # Without these it passes Host on.
    "host-changed": "# Remove: host_rewrite_literal, auto_host_rewrite, host_rewrite_header",
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "prefix-not-announced": _AT_A_PREFIX,
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "prefix-not-stripped": _AT_A_PREFIX,
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "prefix-added": _to_app(),
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "path-rewritten": _to_app(),
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "path-not-routed": _to_app(),
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
    "proxy-301": _to_app(),
    # https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
    # In place of the cluster that the route names.
    "server-down": _cluster(),
    # https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts
    # For an upgrade, the time-out of a route does not count, but its idle_timeout.
    "server-slow": _to_app().replace(
        "cluster: app", "cluster: app, timeout: 0s, idle_timeout: 3600s"
    ),
    # https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/basic_auth_filter
    "proxy-401": _without("basic_auth"),
    # https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rbac_filter
    "proxy-403": _without("rbac"),
    # https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/circuit_breaking
    # In place of the cluster. A WebSocket counts as a request and as a connection while it is open.
    "proxy-limit": _cluster("""
  circuit_breakers:
    thresholds:
    - max_connections: 10000
      max_pending_requests: 10000
      max_requests: 10000"""),
    # https://www.envoyproxy.io/docs/envoy/latest/operations/cli#cmdoption-drain-time-s
    # Routes that come from RDS can change without cutting anything.
    "reload": "# Start Envoy with: --drain-time-s 86400",
    # https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/http/upgrades
    # WebSockets over HTTP/2 have no key, but the server needs one. Envoy ignores the answer to it.
    "key-missing": """\
# Remove: allow_connect, or add this route:
- match:
    prefix: /
    headers:
    - name: upgrade
      string_match: { exact: websocket, ignore_case: true }
  route: { cluster: app }
  request_headers_to_add:
  - header: { key: Sec-WebSocket-Key, value: AAAAAAAAAAAAAAAAAAAAAA== }
    append_action: ADD_IF_ABSENT""",
}
