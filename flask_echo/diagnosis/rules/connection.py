"""A WebSocket does not open: who refused it, and why."""

from flask_echo.diagnosis.rules.rule import (
    BAD,
    BEHIND,
    GOOD,
    NETWORK,
    NOWHERE,
    PROXY,
    SERVER,
    SERVICE,
    UNKNOWN,
    Condition,
    Rule,
)

_FAILED = ("failed", "silent", "cut")
_NOT_OPEN: dict[str, Condition] = {"upgrade": _FAILED}
_REFUSED_BY_US: dict[str, Condition] = {"upgrade": _FAILED, "server_saw": "refused"}
# The control has reached the service, and the upgrade has not: both without doubt.
_ONLY_UPGRADE_IS_LOST: dict[str, Condition] = {
    "upgrade": _FAILED,
    "server_saw": "nothing",
    "control": "found",
}

# Whoever opens no WebSocket, and says nothing of the reason.
_OTHER_ANSWERS = ("404", "405", "410", "400", "200", "204", "426", "501")

_ASK_PROXY = "Look at the configuration and the log of the proxy."

CONNECTION = (
    Rule(
        "open",
        GOOD,
        NOWHERE,
        {"upgrade": "open"},
        "A WebSocket opens.",
    ),
    # -- Nothing can be sent ---------------------------------------------------------------
    Rule(
        "name-unknown",
        BAD,
        NETWORK,
        {"upgrade": "unreachable", "why": "name"},
        "The name of the server is not known to DNS.",
        "Check the spelling, and the DNS record.",
    ),
    Rule(
        "nobody-listens",
        BAD,
        NETWORK,
        {"upgrade": "unreachable", "why": "refused"},
        "The machine answers, but nobody listens on this port.",
        "Check that the server runs, and that the port is the right one.",
    ),
    Rule(
        "no-way",
        BAD,
        NETWORK,
        {"upgrade": "unreachable", "why": "no answer"},
        "The machine does not answer. It is off, or a firewall drops the packets.",
        "Check the address, and the firewalls between here and there.",
    ),
    Rule(
        "tls-failed",
        BAD,
        NETWORK,
        {"upgrade": "unreachable", "why": "tls"},
        "TLS failed: {reason}.",
        "Mend the certificate or the TLS settings of the server that this address names.",
    ),
    Rule(
        "unreachable",
        BAD,
        NETWORK,
        {
            "upgrade": ("unreachable", *_FAILED),
            "health": "none",
            "by": "",
            "server_saw": "unknown",
            "ours": False,
        },
        "The server is not reachable at all (not just WebSockets).",
        "Check that it is running and that its page still loads, then try again.",
    ),
    # -- The service refused it, and says why ----------------------------------------------
    Rule(
        "draining",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "full", "health": "draining"},
        "The server is shutting down and accepts no new connections.",
        "Try again once it has restarted.",
    ),
    Rule(
        "server-full",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "full"},
        "This server is full. All its seats for WebSockets are taken. No proxy is to blame.",
        "Try again later, or raise FLASK_ECHO_MAX_CONNECTIONS.",
    ),
    Rule(
        "perhaps-full",
        UNKNOWN,
        NOWHERE,
        {"upgrade": _FAILED, "health": ("full", "draining"), "server_saw": "unknown", "by": ""},
        "A server at this address says that it is {health}. That may be the reason; nobody can say:"
        " {unknown}.",
        "Try again later.",
    ),
    Rule(
        "client-share",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "client-share"},
        "This server lets one client have only so many WebSockets, and you have them all."
        " No proxy is to blame.",
        "Close some, or raise FLASK_ECHO_MAX_CONNECTIONS_PER_CLIENT. If a proxy is in front, all"
        " its clients count as one until FLASK_ECHO_TRUSTED_PROXIES is set.",
    ),
    Rule(
        "handshake-rate",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "handshake-rate"},
        "This server lets one client open only so many WebSockets in a second. No proxy is to"
        " blame.",
        "Wait a second, or raise FLASK_ECHO_MAX_HANDSHAKES_PER_SECOND_PER_CLIENT. If a proxy is in"
        " front, all its clients count as one until FLASK_ECHO_TRUSTED_PROXIES is set.",
    ),
    Rule(
        "no-thread",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": ("threads", "server")},
        "This server cannot serve another WebSocket: {reason}",
        "Look at its log. No proxy is to blame.",
    ),
    Rule(
        "http-1.0",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": "no-upgrade", "http_1_0": True},
        "A proxy speaks HTTP/1.0 to the server. WebSockets need HTTP/1.1.",
        "Set HTTP/1.1 in the proxy, and pass Upgrade and Connection on.",
    ),
    Rule(
        "upgrade-not-passed-on",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": "no-upgrade"},
        "A proxy passes the request on without Upgrade or Connection, so the server takes it for"
        " plain HTTP.",
        "Configure the proxy to pass both headers on.",
    ),
    Rule(
        "key-missing",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": "key", "key_arrived": False},
        "The upgrade arrives without Sec-WebSocket-Key. A proxy translates it from HTTP/2 (RFC"
        " 8441) and makes no key.",
        "Let the proxy make a key, or turn extended CONNECT off.",
    ),
    Rule(
        "origin-changed",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": "origin", "origin_arrived": "changed"},
        "A proxy changes Origin: {shown_origin} was sent, {shown_origin_arrived} arrived. The"
        " server does not allow that one.",
        "Let the proxy pass Origin on unchanged.",
    ),
    Rule(
        "origin-refused",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "origin"},
        "This server does not allow WebSockets from pages at {shown_origin}.",
        "To allow them, add this origin to FLASK_ECHO_ALLOWED_ORIGINS.",
    ),
    Rule(
        "host-changed",
        BAD,
        PROXY,
        {**_NOT_OPEN, "problem": "another-site", "host_arrived": "changed"},
        "A proxy changes Host: {shown_host} was sent, {shown_host_arrived} arrived. So the server"
        " refuses /inspect: it thinks that this page belongs to another site.",
        "Let the proxy pass Host on, or write X-Forwarded-Host.",
    ),
    Rule(
        "another-site",
        BAD,
        SERVICE,
        {**_NOT_OPEN, "problem": "another-site"},
        "This server gives its report to its own pages only, and {shown_origin} is none of them.",
        "Use another address, such as /echo. Or add the origin to FLASK_ECHO_ALLOWED_ORIGINS.",
    ),
    Rule(
        "prefix-added",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": "path", "path_arrived": "longer"},
        "A proxy puts something before the path: {shown_path} arrives as {shown_path_arrived}. The"
        " server has nothing there.",
        "Let the proxy pass the path on as it is.",
    ),
    Rule(
        "prefix-not-stripped",
        BAD,
        SERVICE,
        {**_REFUSED_BY_US, "problem": "path", "path_arrived": "same"},
        "The server has nothing at {shown_path}, and the request arrived with this path.",
        "Check the path. If a proxy serves it below a prefix, let the proxy take the prefix away,"
        " and name it in X-Forwarded-Prefix.",
    ),
    Rule(
        "path-rewritten",
        BAD,
        PROXY,
        {**_REFUSED_BY_US, "problem": ("path", "query"), "path_arrived": ("other", "stripped")},
        "A proxy changes the path: {shown_path} arrives as {shown_path_arrived}.",
        "Let the proxy pass the path on as it is.",
    ),
    Rule(
        "handshake-changed",
        BAD,
        PROXY,
        {
            **_REFUSED_BY_US,
            "problem": (
                *("version", "key", "host", "body", "subprotocols", "extensions"),
                *("too-large", "method"),
            ),
        },
        "The upgrade request was damaged on its way: {reason}",
        "Let the proxy pass the headers of the handshake on unchanged.",
    ),
    Rule(
        "refused",
        UNKNOWN,
        NOWHERE,
        _REFUSED_BY_US,
        "The server refused the upgrade: {reason}",
        "Read docs/security.md for the limits of this server.",
    ),
    # -- The service opened it, and the answer did not come back ---------------------------
    Rule(
        "answer-held",
        BAD,
        PROXY,
        {"upgrade": "silent", "server_saw": "opened"},
        "The server opened the connection, but its answer did not come back: something on the path"
        " holds it.",
        "Look for a proxy or security software that waits for the end of a response.",
    ),
    Rule(
        "answer-lost",
        BAD,
        PROXY,
        {"upgrade": ("failed", "cut"), "server_saw": "opened"},
        "The server opened the connection, but the client did not get a good answer: something on"
        " the path changes or drops it.",
        "Let the proxy pass the 101 on with all its headers.",
    ),
    # -- It did not arrive, and there is an answer of somebody else ------------------------
    Rule(
        "parser-refused",
        UNKNOWN,
        NOWHERE,
        {**_NOT_OPEN, "by": "parser"},
        "gunicorn refused the request before the application saw it: the request is no good HTTP,"
        " or larger than gunicorn's limits. Such a request leaves no trace.",
        "Look at the log of gunicorn. Its settings are limit_request_line and"
        " limit_request_field_size.",
    ),
    # The control went through, so it is about the upgrade and not about the address.
    Rule(
        "proxy-limit",
        BAD,
        PROXY,
        {**_ONLY_UPGRADE_IS_LOST, "by": "proxy", "status": "429"},
        "Something in front of the server takes no more connections for now (429).",
        "Raise the limit of the proxy on connections or requests.",
    ),
    Rule(
        "upgrade-sent-elsewhere",
        BAD,
        PROXY,
        {**_ONLY_UPGRADE_IS_LOST, "by": "proxy", "status": ("500", "502", "503", "504")},
        "The proxy answers the upgrade with {status}, and lets other requests to the same address"
        " through. It sends upgrades to a server that does not answer, or has reached a limit.",
        "Look for a rule about upgrades in the proxy, and for its limits on connections.",
    ),
    Rule(
        "upgrade-not-passed-on",
        BAD,
        PROXY,
        {**_ONLY_UPGRADE_IS_LOST, "by": "proxy"},
        "The proxy refused the upgrade itself, with {status}, and lets other requests to the same"
        " address through.",
        "Configure the proxy to let WebSockets through.",
    ),
    Rule(
        "proxy-401",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": ("401", "407")},
        "Something in front of the server asks for a login at this address ({status}).",
        "Browsers cannot ask for a login in a WebSocket. Let users log in on the page first, or"
        " exempt the address of the WebSocket.",
    ),
    Rule(
        "proxy-403",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": "403"},
        "Something in front of the server forbids this address (403).",
        "Allow the address of the WebSocket there.",
    ),
    Rule(
        "proxy-301",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": "redirect"},
        "Something in front of the server redirects this address. WebSocket clients do not follow"
        " redirects.",
        "Use the address that the redirect names, or exempt the WebSocket from it.",
    ),
    Rule(
        "no-websocket",
        BAD,
        SERVER,
        {**_NOT_OPEN, "by": "proxy", "status": _OTHER_ANSWERS, "ours": False},
        "The server answers this address with {status}, and opens no WebSocket.",
        "Check the path. If it is right, a proxy may answer in place of the server.",
    ),
    Rule(
        "path-not-routed",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": _OTHER_ANSWERS},
        "Something in front of the server answers this address itself ({status}), so the server"
        " never sees it.",
        "Add a rule to the proxy that sends the address of the WebSocket to the server.",
    ),
    # It says 504, too, if nobody listens.
    Rule(
        "server-down",
        BAD,
        BEHIND,
        {
            **_NOT_OPEN,
            "by": "proxy",
            "status": "504",
            "late": False,
            "product": "http-proxy-middleware",
        },
        "The proxy cannot reach the server to which it sends this address ({status}).",
        "Start that server, or correct its address in the proxy.",
    ),
    Rule(
        "server-slow",
        BAD,
        BEHIND,
        {**_NOT_OPEN, "by": "proxy", "status": "504"},
        "The proxy got no answer from the server behind it in time (504).",
        "Check the server to which the proxy sends this address, or raise the time-out of the"
        " proxy.",
    ),
    Rule(
        "server-slow",
        BAD,
        BEHIND,
        {**_NOT_OPEN, "by": "proxy", "status": ("500", "502", "503"), "late": True},
        "The proxy waited in vain for the server behind it ({status}).",
        "Check the server to which the proxy sends this address, or raise the time-out of the"
        " proxy.",
    ),
    # These two say 502 if they cannot reach a server.
    Rule(
        "proxy-limit",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": "503", "product": ("nginx", "Caddy")},
        "{product} takes no request for this address for now (503): a limit is reached, or it takes"
        " the server for down.",
        "Raise the limit of the proxy on connections or requests. Look at its log.",
    ),
    Rule(
        "server-down",
        BAD,
        BEHIND,
        {**_NOT_OPEN, "by": "proxy", "status": ("500", "502", "503", "521", "522", "523")},
        "The proxy cannot reach the server to which it sends this address ({status}).",
        "Start that server, or correct its address in the proxy.",
    ),
    Rule(
        "proxy-limit",
        BAD,
        PROXY,
        {**_NOT_OPEN, "by": "proxy", "status": "429"},
        "Something in front of the server takes no more requests for now (429).",
        "Raise the limit of the proxy on connections or requests.",
    ),
    # -- It did not arrive, and nobody answered --------------------------------------------
    Rule(
        "upgrade-held",
        BAD,
        PROXY,
        {**_ONLY_UPGRADE_IS_LOST, "upgrade": "silent", "control_late": False},
        "No upgrade request reached this application, and none was answered: something in front of"
        " it holds upgrades, and lets other requests through.",
        "Configure the proxy to let WebSockets through.",
    ),
    Rule(
        "upgrade-not-passed-on",
        BAD,
        PROXY,
        {
            **_ONLY_UPGRADE_IS_LOST,
            "upgrade": ("failed", "cut"),
            "product": ("Envoy", "Vite", "http-proxy"),
        },
        "No upgrade request reached this application: {product} in front of it refuses upgrades,"
        " and lets other requests through.",
        "Configure the proxy to let WebSockets through.",
    ),
    Rule(
        "upgrade-blocked",
        BAD,
        PROXY,
        {**_ONLY_UPGRADE_IS_LOST, "upgrade": ("failed", "cut")},
        "No upgrade request reached this application; something in front of it refused or dropped"
        " it.",
        "Configure the proxy, the firewall or the security software to let WebSockets through.",
    ),
    Rule(
        "server-slow",
        BAD,
        BEHIND,
        {"upgrade": ("silent", "cut"), "server_saw": "nothing", "control": "nothing", "by": ""},
        "Nothing that is sent to this address reaches the application, and nobody answers. Other"
        " addresses of the same server work.",
        "Check the server to which the proxy sends this address.",
    ),
    Rule(
        "unknown",
        UNKNOWN,
        NOWHERE,
        {},
        "The WebSocket did not open, and nobody can say why: {unknown}.",
        _ASK_PROXY,
    ),
)
