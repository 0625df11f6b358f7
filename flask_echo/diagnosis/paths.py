"""Where the service has WebSockets, beside its root."""

PATHS = ("/echo", "/inspect", "/WS.ashx", "/events")

# The same for regular expressions. A backslash would not survive each file format.
PATTERN = "/(echo|inspect|WS[.]ashx|events)"
