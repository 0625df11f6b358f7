"""What the values of HTTP header fields are made of (RFC 9110, section 5.6)."""

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


def elements(header: str) -> list[str]:
    """The elements of a comma-separated list, empty ones left out (RFC 9110, section 5.6.1)."""
    return [element.strip() for element in header.split(",") if element.strip()]
