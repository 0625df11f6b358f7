"""The address that is probed."""

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

_PORTS = {"ws": 80, "wss": 443}
# What stays as it is in a path and a query; everything else gets percent signs (RFC 3986).
_SAFE = "/?#[]@!$&'()*+,;=:%-._~"
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


class BadAddress(ValueError):
    """A text is no address that can be probed."""


@dataclass(frozen=True)
class Target:
    """The address of a WebSocket.

    :ivar secure: whether it is ``wss:``.
    :ivar host: a name or an IP address.
    :ivar path: such as ``/ws/echo``; never empty.
    :ivar query: without ``?``.
    """

    secure: bool
    host: str
    port: int
    path: str
    query: str

    @property
    def authority(self) -> str:
        """The value of ``Host``: without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def scheme(self) -> str:
        """``ws`` or ``wss``."""
        return "wss" if self.secure else "ws"

    @property
    def origin(self) -> str:
        """The origin of a page at the same place."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    @property
    def folder(self) -> str:
        """The path up to its last slash: a service's other addresses are below it."""
        return self.path[: self.path.rindex("/") + 1]

    def beside(self, name: str) -> str:
        """Return the path of another address of the same service, such as ``healthz``."""
        return self.folder + name

    def url(self, path: str, query: str = "") -> str:
        """Return the URL of a WebSocket at the same server."""
        return f"{self.scheme}://{self.authority}{path}{f'?{query}' if query else ''}"

    def __str__(self) -> str:
        return self.url(self.path, self.query)


def parse(text: str) -> Target:
    """Return the target that ``text`` names.

    A page (``http:`` or ``https:``) stands for the WebSocket ``echo`` beside it, if its path ends
    with a slash.

    :raises BadAddress: with the reason.
    """
    url = _split(text)
    if url.scheme not in _SCHEMES:
        raise BadAddress(f"{text!r} must begin with ws://, wss://, http:// or https://")
    if not url.hostname:
        raise BadAddress(f"{text!r} names no host")
    if url.username is not None:
        raise BadAddress("the address has a user in it: use --header 'Authorization: ...'")
    scheme = _SCHEMES[url.scheme]
    is_page = url.scheme.startswith("http") and url.path.endswith(("/", "/default.html"))
    try:
        url.hostname.encode("idna")
    except UnicodeError:
        raise BadAddress(f"{url.hostname!r} is no name of a host") from None
    path = quote(url.path, safe=_SAFE) or "/"
    if is_page or (url.scheme.startswith("http") and not url.path):
        path = path[: path.rindex("/") + 1] + "echo"
    return Target(
        scheme == "wss",
        url.hostname,
        url.port or _PORTS[scheme],
        path,
        quote(url.query, safe=_SAFE),
    )


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018  # It is checked when it is read.
    except ValueError as error:
        raise BadAddress(f"{text!r} is no address: {error}") from None
    return url
