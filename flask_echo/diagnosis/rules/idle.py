"""A connection without traffic: what ended it?"""

from flask_echo.diagnosis.rules.rule import (
    BAD,
    GOOD,
    NETWORK,
    NOTABLE,
    NOWHERE,
    PROXY,
    SERVICE,
    UNKNOWN,
    Rule,
)

IDLE = (
    Rule(
        "idle",
        GOOD,
        NOWHERE,
        {"outcome": "alive"},
        "The connection still worked after {waited} without traffic.",
        "There may be a longer time-out.",
    ),
    Rule(
        "closed-by-server",
        NOTABLE,
        SERVICE,
        {"closed_by": "server"},
        "The server closed the connection itself after {age}: {reason}.",
        "The settings are FLASK_ECHO_IDLE_TIMEOUT_SECONDS and FLASK_ECHO_MAX_LIFETIME_SECONDS.",
    ),
    Rule(
        "closed",
        UNKNOWN,
        NOWHERE,
        {"closed_by": "unknown"},
        "The connection was closed with {code} after {age}. Without a trace nobody can say whether"
        " by the server or by something in front of it.",
    ),
    Rule(
        "reload",
        NOTABLE,
        NETWORK,
        {"outcome": "cut together"},
        "Two connections of different age were cut at the same moment, after {age} and {other_age}."
        " That is no time-out: something was reloaded or restarted, or the network of this client"
        " was interrupted.",
        "Let clients reconnect. Give open connections time at a reload.",
    ),
    Rule(
        "lifetime-limit",
        BAD,
        PROXY,
        {"outcome": "lifetime"},
        "A busy connection was cut at the same age as an idle one: after {age} and {other_age}. So"
        " something limits the lifetime of connections, and pings do not help.",
        "Raise that limit, or let clients reconnect.",
    ),
    Rule(
        "idle-cut",
        BAD,
        NETWORK,
        {"outcome": "cut", "repeated": True, "traced": False},
        "An idle connection is cut after {age}, twice, by the server or something in front of it. A"
        " busy one is not.",
        "Raise that time-out, or send pings more often.",
    ),
    Rule(
        "idle-cut",
        BAD,
        PROXY,
        {"outcome": "cut", "repeated": True, "pings": "too seldom"},
        "An idle connection is cut after {age}, twice. A busy one is not.",
        "Raise that time-out, or send pings more often (FLASK_ECHO_PING_INTERVAL_SECONDS).",
    ),
    Rule(
        "idle-cut",
        NOTABLE,
        PROXY,
        {"outcome": "cut", "repeated": True},
        "An idle connection is cut after {age}, twice. A busy one is not. The pings of this server"
        " are frequent enough to prevent it; this check turns them off.",
        "Raise that time-out if your clients use servers without pings.",
    ),
    Rule(
        "cut-once",
        NOTABLE,
        NETWORK,
        {"outcome": "cut"},
        "The idle connection was cut after {age}. When it was tried again, it stayed. So that is no"
        " time-out: something was reloaded, or failed.",
        "Let clients reconnect. Look at the log of the proxy for this moment.",
    ),
    Rule(
        "lost-silently",
        BAD,
        NETWORK,
        {"outcome": "silent"},
        "After {waited} the idle connection looked open, but a message got no reply: something on"
        " the path, often NAT or a firewall, dropped it silently.",
        "Send pings more often than that, and let clients drop a connection that does not reply.",
    ),
    Rule(
        "idle-unknown",
        UNKNOWN,
        NOWHERE,
        {},
        "Nobody can say what ended the connections: the order in which they ended fits nothing.",
    ),
)
