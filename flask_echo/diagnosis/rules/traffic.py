"""Messages, their sizes and their ends, and several connections at once."""

from flask_echo.diagnosis.rules.rule import (
    BAD,
    BEHIND,
    GOOD,
    NETWORK,
    NOTABLE,
    NOWHERE,
    PROXY,
    SERVICE,
    UNKNOWN,
    Rule,
)

SEVERAL = (
    Rule(
        "several-versions",
        NOTABLE,
        BEHIND,
        {"failed": False, "versions": "several"},
        "{all} connections were open at the same time. The servers that they reached run different"
        " software.",
        "Unless a deployment is in progress, one server was left behind.",
    ),
    Rule(
        "several",
        GOOD,
        NOWHERE,
        {"failed": False, "servers": "one"},
        "{all} connections were open at the same time.",
    ),
    Rule(
        "several-servers",
        GOOD,
        NOWHERE,
        {"failed": False},
        "{all} connections were open at the same time. They reached several processes, so a server"
        " must not keep state in one of them.",
    ),
    Rule(
        "client-share",
        NOTABLE,
        SERVICE,
        {"problem": "client-share"},
        "{count} of {all} connections at once were refused by this server: it lets one client have"
        " only so many WebSockets.",
        "The setting is FLASK_ECHO_MAX_CONNECTIONS_PER_CLIENT. No proxy is to blame.",
    ),
    Rule(
        "handshake-rate",
        NOTABLE,
        SERVICE,
        {"problem": "handshake-rate"},
        "{count} of {all} connections at once were refused by this server: it lets one client open"
        " only so many WebSockets in a second.",
        "The setting is FLASK_ECHO_MAX_HANDSHAKES_PER_SECOND_PER_CLIENT. No proxy is to blame.",
    ),
    Rule(
        "server-full",
        NOTABLE,
        SERVICE,
        {"problem": "full"},
        "{count} of {all} connections at once were refused by this server: it has no more seats.",
        "The setting is FLASK_ECHO_MAX_CONNECTIONS. No proxy is to blame.",
    ),
    Rule(
        "one-server-down",
        BAD,
        BEHIND,
        {"alone": "some"},
        "{count} of {all} connections failed, also one at a time: one of several servers behind the"
        " address is down.",
        "Check each server behind the load balancer.",
    ),
    Rule(
        "proxy-limit",
        BAD,
        PROXY,
        {"alone": "all", "server_saw": "nothing"},
        "{count} of {all} connections at once failed without reaching this server. One at a time"
        " they open: something in front of it limits connections.",
        "Raise the limit of the proxy on connections or requests.",
    ),
    Rule(
        "several-failed",
        UNKNOWN,
        NOWHERE,
        {},
        "{count} of {all} connections at once failed. One of several servers is down, or something"
        " limits connections.",
        "Check each server behind the load balancer, and the limits on connections.",
    ),
)

ROUND_TRIP = (
    Rule(
        "round-trips",
        GOOD,
        NOWHERE,
        {"pace": "good"},
        "{count} messages came back. The median round-trip time is {median}, the 99th percentile"
        " {p99}.",
    ),
    Rule(
        "round-trips-busy",
        UNKNOWN,
        NOWHERE,
        {"busy": True},
        "{count} messages came back. The median round-trip time is {median}, the 99th percentile"
        " {p99}. The client's own timers are late, too, so nobody can say who is slow.",
        "Run this again when the client has less to do.",
    ),
    Rule(
        "round-trips-uneven",
        NOTABLE,
        NETWORK,
        {"pace": "uneven"},
        "{count} messages came back. The median round-trip time is {median}, but the 99th"
        " percentile {p99}: some messages wait.",
        "A busy line, Wi-Fi, or a server with too few cores does that.",
    ),
    Rule(
        "round-trips-slow",
        NOTABLE,
        NETWORK,
        {"pace": "slow"},
        "{count} messages came back. The median round-trip time is {median}.",
        "Most distances on earth take less than 200 ms. Look for a VPN or a slow line.",
    ),
    Rule(
        "round-trips-very-slow",
        BAD,
        NETWORK,
        {},
        "{count} messages came back. The median round-trip time is {median}.",
        "That is no distance: look for something on the path that holds messages.",
    ),
)

INTEGRITY = (
    Rule(
        "unchanged",
        GOOD,
        NOWHERE,
        {"damage": ""},
        "Every byte pair, and characters from all 17 Unicode planes, came back unchanged.",
    ),
    Rule(
        "bytes-changed",
        BAD,
        PROXY,
        {"kind": "changed"},
        "Not every message came back unchanged: {damage}. Something on the path changes the bytes.",
        "Use wss://, so that nothing on the path can read them.",
    ),
    Rule(
        "cut-during-messages",
        BAD,
        NETWORK,
        {"kind": "ended"},
        "The connection was lost while messages went through: {damage}.",
        "Run this check again. If it fails again, look at the logs of the proxy and the server.",
    ),
    Rule(
        "no-reply",
        BAD,
        NETWORK,
        {},
        "Not every message came back: {damage}.",
        "Run this check again. If it fails again, look for something that holds messages back.",
    ),
)

MESSAGE_SIZE = (
    Rule(
        "sizes",
        GOOD,
        NOWHERE,
        {"outcome": "all"},
        "Every size from 1 byte to {largest} came back unchanged.",
    ),
    Rule(
        "sizes-slow",
        NOTABLE,
        NETWORK,
        {"outcome": "slow"},
        "Every size up to {largest} came back unchanged. The connection is too slow to try more.",
    ),
    Rule(
        "sizes-changed",
        BAD,
        PROXY,
        {"outcome": "changed"},
        "A message of {size} came back changed. That is no limit on the size: something on the path"
        " changes the bytes.",
        "Use wss://, so that nothing on the path can read them.",
    ),
    Rule(
        "server-limit",
        GOOD,
        SERVICE,
        {"outcome": "ended", "code": "1009", "below_limit": False},
        "The largest message that came back was {largest}. For {size} the server closed with 1009:"
        " too big.",
        "That is its own limit.",
    ),
    Rule(
        "message-size",
        BAD,
        PROXY,
        {"outcome": ("ended", "silent"), "repeated": True, "below_limit": True},
        "The largest message that came back was {largest}, and {size} failed. The server accepts up"
        " to {limit}, so something on the path limits the size.",
        "Raise the limit in the proxy, gateway or security software, or split large messages.",
    ),
    Rule(
        "cut-during-messages",
        BAD,
        NETWORK,
        {"outcome": ("ended", "silent"), "repeated": False},
        "A message of {size} was lost once, and came back when it was sent again.",
        "Something on the path is unreliable. Run this check again.",
    ),
    Rule(
        "sizes-unknown",
        UNKNOWN,
        NOWHERE,
        {},
        "The largest message that came back was {largest}, and {size} failed. Nobody can say"
        " whether that is the limit of the server.",
    ),
)

CLOSE_CODES = (
    Rule(
        "close-codes",
        GOOD,
        NOWHERE,
        {"wrong": False},
        "Close codes and reasons arrive as the server sends them.",
    ),
    Rule(
        "close-cut",
        BAD,
        PROXY,
        {"cut": True},
        "The server closed with {sent}, and the connection was cut without it ({count} of {all}):"
        " something on the path does not pass Close frames on.",
        "Clients cannot tell a planned close from a failure here. Let them reconnect after any"
        " code.",
    ),
    Rule(
        "close-changed",
        BAD,
        PROXY,
        {},
        "The server closed with {sent}, and {arrived} arrived ({count} of {all}): something on the"
        " path closes the connection itself, with its own code.",
        "Clients cannot tell a planned close from a failure here. Let them reconnect after any"
        " code.",
    ),
)
