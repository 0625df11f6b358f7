"""What to configure in a proxy so that it passes WebSockets on: complete lines to paste.

Upgrade and Connection are for one hop only (RFC 9110, section 7.6.1), so a proxy passes them on
only if it is told to. ``BACKEND`` stands for the address of the server, such as ``127.0.0.1:8080``.

tests/matrix applies each of these to a real proxy, where it can be installed.
"""

PASS_UPGRADES_ON = {
    # https://nginx.org/en/docs/http/websocket.html
    "nginx": """\
location / {
    proxy_pass http://BACKEND;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
}""",
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass (since 2.4.47)
    "Apache": """\
ProxyPreserveHost On
ProxyPass "/" "http://BACKEND/" upgrade=websocket""",
    # https://docs.haproxy.org/2.6/configuration.html#4-timeout%20tunnel. It passes upgrades on,
    # unless a rule deletes or sets Connection or Upgrade, or the server has proto h2.
    "HAProxy": """\
backend websockets
    mode http
    timeout tunnel 1h
    server app BACKEND""",
    # https://caddyserver.com/docs/caddyfile/directives/reverse_proxy
    "Caddy": "reverse_proxy BACKEND",
    # envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
    "Envoy": """\
upgrade_configs:
- upgrade_type: websocket""",
    # http://www.squid-cache.org/Doc/config/http_upgrade_request_protocols/
    "squid": "http_upgrade_request_protocols websocket allow all",
    # https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy
    "lighttpd": 'proxy.header = ( "upgrade" => "enable" )',
    # https://varnish-cache.org/docs/7.1/users-guide/vcl-example-websockets.html
    "Varnish": """\
sub vcl_recv {
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
}
sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}""",
    # https://h2o.examp1e.net/configure/proxy_directives.html
    # Without preserve-host it changes Host.
    "h2o": """\
proxy.websocket: ON
proxy.preserve-host: ON""",
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
    "AWS": """\
# For an Application Load Balancer. A Classic one needs a TCP or SSL listener.
aws elbv2 create-target-group --name websockets --vpc-id VPC \\
    --protocol HTTP --protocol-version HTTP1 --port PORT""",
}
