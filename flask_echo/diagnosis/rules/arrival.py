"""A WebSocket has opened: did the request arrive as it was sent?"""

from flask_echo.diagnosis.rules.rule import (
    BAD,
    GOOD,
    NOTABLE,
    NOWHERE,
    PROXY,
    SERVICE,
    UNKNOWN,
    Rule,
)

PATH = (
    Rule(
        "path-unknown",
        UNKNOWN,
        NOWHERE,
        {"path_arrived": "unknown"},
        "Nobody can say how the path arrived: {unknown}.",
    ),
    Rule(
        "path",
        GOOD,
        NOWHERE,
        {"path_arrived": "same"},
        "The path arrives as it was sent.",
    ),
    Rule(
        "prefix",
        GOOD,
        NOWHERE,
        {"path_arrived": "stripped", "prefix_announced": True},
        "A proxy takes the beginning of the path away, and says so in X-Forwarded-Prefix.",
    ),
    Rule(
        "prefix-unknown",
        UNKNOWN,
        NOWHERE,
        {"path_arrived": "stripped", "prefix_announced": None},
        "A proxy takes the beginning of the path away. Nobody can say whether it says so in"
        " X-Forwarded-Prefix: {unknown}.",
    ),
    Rule(
        "prefix-not-announced",
        NOTABLE,
        PROXY,
        {"path_arrived": "stripped"},
        "A proxy takes the beginning of the path away, and does not say so: {shown_path} arrives as"
        " {shown_path_arrived}. This service has relative links, so its pages work. Absolute links"
        " and redirects of other applications lead out of the prefix.",
        "Let the proxy write X-Forwarded-Prefix, and set FLASK_ECHO_TRUSTED_PROXIES.",
    ),
    Rule(
        "path-rewritten",
        BAD,
        PROXY,
        {},
        "A proxy changes the path: {shown_path} arrives as {shown_path_arrived}. So the wrong"
        " WebSocket answers.",
        "Let the proxy pass the path on as it is.",
    ),
)

HOST = (
    Rule(
        "host-unknown",
        UNKNOWN,
        NOWHERE,
        {"path_arrived": "unknown"},
        "Nobody can say which Host arrived: {unknown}.",
    ),
    Rule("host", GOOD, NOWHERE, {"host_arrived": "same"}, "Host arrives as it was sent."),
    Rule(
        "host-announced",
        GOOD,
        NOWHERE,
        {"host_announced": True},
        "A proxy changes Host, and says so in X-Forwarded-Host.",
    ),
    Rule(
        "host-announced-unknown",
        UNKNOWN,
        NOWHERE,
        {"host_announced": None},
        "A proxy changes Host: {shown_host} was sent, {shown_host_arrived} arrived. Nobody can say"
        " whether it says so in X-Forwarded-Host: {unknown}.",
    ),
    Rule(
        "host-changed",
        NOTABLE,
        PROXY,
        {},
        "A proxy changes Host: {shown_host} was sent, {shown_host_arrived} arrived. The server"
        " no longer knows its own address, so it treats its own pages as those of another site.",
        "Let the proxy pass Host on, or write X-Forwarded-Host.",
    ),
)

ORIGIN = (
    Rule(
        "origin-unknown",
        UNKNOWN,
        NOWHERE,
        {"origin_arrived": "unknown"},
        "Nobody can say which Origin arrived: {unknown}.",
    ),
    Rule("origin", GOOD, NOWHERE, {"origin_arrived": "same"}, "Origin arrives as it was sent."),
    Rule(
        "origin-removed",
        NOTABLE,
        PROXY,
        {"origin_arrived": "removed"},
        "A proxy removes Origin. So FLASK_ECHO_ALLOWED_ORIGINS protects nothing here: any page on"
        " the web can connect.",
        "Let the proxy pass Origin on.",
    ),
    Rule(
        "origin-changed",
        NOTABLE,
        PROXY,
        {},
        "A proxy changes Origin: {shown_origin} was sent, {shown_origin_arrived} arrived. The"
        " server cannot tell its own pages from others.",
        "Let the proxy pass Origin on unchanged.",
    ),
)

COMPRESSION = (
    Rule(
        "compression",
        GOOD,
        NOWHERE,
        {"agreed": True, "answered": (True, None)},
        "Compression (permessage-deflate) is on.",
    ),
    Rule(
        "compression-answer-added",
        BAD,
        PROXY,
        {"agreed": True, "answered": False},
        "The client thinks that compression is on, and the server does not: something on the path"
        " changes the response. The first compressed message breaks the connection.",
        "Let the proxy pass Sec-WebSocket-Extensions on unchanged, both ways.",
    ),
    Rule(
        "compression-answer-removed",
        BAD,
        PROXY,
        {"agreed": False, "answered": True},
        "The server thinks that compression is on, and the client does not: something on the path"
        " removes Sec-WebSocket-Extensions from the response. The first compressed message breaks"
        " the connection.",
        "Let the proxy pass Sec-WebSocket-Extensions on unchanged, both ways. Or turn compression"
        " off with FLASK_ECHO_COMPRESSION=false.",
    ),
    Rule(
        "compression-offer-removed",
        NOTABLE,
        PROXY,
        {"agreed": False, "offer_arrived": False},
        "Something on the path removes the offer of compression. Messages are not compressed;"
        " nothing breaks.",
        "To save bandwidth, let the proxy pass Sec-WebSocket-Extensions on.",
    ),
    Rule(
        "compression-off",
        GOOD,
        NOWHERE,
        {"offer_arrived": True, "enabled": False},
        "The offer reached the server, which has compression turned off"
        " (FLASK_ECHO_COMPRESSION=false).",
    ),
    Rule(
        "compression-declined",
        NOTABLE,
        NOWHERE,
        {"offer_arrived": True},
        "The offer reached the server, and the server did not accept it. Something on the path may"
        " have changed its parameters.",
        "Compare the offer that arrived with the one that was sent.",
    ),
    Rule(
        "compression-none",
        UNKNOWN,
        NOWHERE,
        {},
        "Compression was offered and not accepted. Nobody can say whether the offer arrived:"
        " {unknown}.",
    ),
)

TLS = (
    Rule(
        "certificate-expires",
        NOTABLE,
        SERVICE,
        {"checked": True, "soon": True},
        "TLS works ({tls}). The certificate expires in {days} days.",
        "Renew it.",
    ),
    Rule(
        "tls",
        GOOD,
        NOWHERE,
        {"checked": True},
        "TLS works ({tls}). The certificate is valid for {days} more days.",
    ),
    Rule(
        "tls-unchecked",
        UNKNOWN,
        NOWHERE,
        {},
        "TLS works ({tls}). The certificate was not checked.",
    ),
)
