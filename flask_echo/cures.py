"""What the usual proxies need so that a WebSocket gets through them; facts only, no code."""

# By product: how to make it pass on Connection and Upgrade, which are meant for one hop only
# (RFC 9110, section 7.6.1) and have to be passed on by name.
PASS_UPGRADES_ON = {
    # https://nginx.org/en/docs/http/websocket.html
    "nginx": (
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        ' proxy_set_header Connection "upgrade";'
    ),
    # https://httpd.apache.org/docs/2.4/mod/mod_proxy_http.html
    "Apache": (
        'since 2.4.47: ProxyPass "/" "http://BACKEND/" upgrade=websocket; before that'
        " mod_proxy_wstunnel with a ws:// address"
    ),
    # https://docs.haproxy.org/ (configuration manual, "timeout tunnel")
    "HAProxy": (
        "mode http passes upgrades on by itself: look for rules that set or delete Connection or"
        " Upgrade, and for a backend with proto h2; set timeout tunnel as well"
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
    "AWS": (
        "an Application Load Balancer passes upgrades on to target groups of protocol version"
        " HTTP1; a Classic Load Balancer needs a TCP or SSL listener"
    ),
}
