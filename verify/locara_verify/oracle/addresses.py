"""Web addresses read twice without the product's code: strictly, as its documents promise, and as a browser does.

`strict` walks the text one character at a time and knows one form only. `browser` follows the steps of the URL
Standard for a special scheme: blanks at the ends and line ends inside go, backslashes are slashes, the last ``@``
before the path ends the credentials, the host is percent-decoded, folded and read as a number where it is one.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from urllib.parse import unquote

from locara.records import dataclass
from locara_verify.oracle.names import DIGITS, HEX, LOWER

DEFAULT_PORTS = {"https": 443, "http": 80, "ws": 80, "wss": 443, "ftp": 21}
HOST_LETTERS = LOWER + LOWER.upper() + DIGITS + ".-"
ENDS = "/?#"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request would go."""

    scheme: str
    host: str
    port: int


def strict(text: str) -> Place | None:
    """The place of ``https://host[:port][/path][?query][#part]`` in visible ASCII without a backslash; else None."""
    rest = text.removeprefix("https://")
    if rest == text or any(not "!" <= character <= "~" for character in rest):
        return None
    host = ""
    while rest and rest[0] in HOST_LETTERS:
        host, rest = host + rest[0], rest[1:]
    digits = "443"
    if rest.startswith(":"):
        digits, rest = "", rest[1:]
        while rest and rest[0] in DIGITS:
            digits, rest = digits + rest[0], rest[1:]
    if not host or not 1 <= len(digits) <= 5 or not 1 <= int(digits) <= 65_535:
        return None
    if (rest and rest[0] not in ENDS) or "\\" in rest.partition("#")[0]:
        return None
    return Place("https", host.lower(), int(digits))


def browser(text: str) -> Place | None:
    """Where a browser would go, None where it would not go anywhere by https, http or a web socket."""
    while text and (text[0] <= " "):
        text = text[1:]
    while text and (text[-1] <= " "):
        text = text[:-1]
    text = "".join(character for character in text if character not in "\t\r\n")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in DEFAULT_PORTS:
        return None
    rest = rest.lstrip("/\\")
    for at, character in enumerate(rest):
        if character in "/\\?#":
            rest = rest[:at]
            break
    rest = rest.rpartition("@")[2]
    host, port = rest, DEFAULT_PORTS[scheme]
    head, colon, digits = rest.rpartition(":")
    if colon and "]" not in digits:
        host = head
        if digits:
            if any(digit not in DIGITS for digit in digits) or int(digits) > 65_535:
                return None
            port = int(digits)
    found = _host(host)
    return None if found is None else Place(scheme, found, port)


def _host(text: str) -> str | None:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1])) if text.endswith("]") and "%" not in text else None
        except ValueError:
            return None
    name = unicodedata.normalize("NFKC", unquote(text, errors="replace")).lower()
    name = name.replace("。", ".").replace("\u00ad", "").replace("\u200b", "")
    if not name or any(letter <= " " or letter in "#%/:<>?@[\\]^|\x7f" for letter in name):
        return None
    return _numbers(name) or name


def _numbers(name: str) -> str | None:
    """The dotted form of a host that ends in a number, as one to four parts in base 8, 10 or 16."""
    parts = name.removesuffix(".").split(".")
    values = [_number(part) for part in parts]
    if len(parts) > 4 or any(value is None for value in values):
        return None
    whole = [value for value in values if value is not None]
    last = whole.pop()
    if any(value > 255 for value in whole) or last >= 256 ** (4 - len(whole)):
        return None
    return str(ipaddress.IPv4Address(last + sum(value << 8 * (3 - at) for at, value in enumerate(whole))))


def _number(part: str) -> int | None:
    if not part:
        return None
    if part.startswith("0x"):
        return int(part[2:] or "0", 16) if all(digit in HEX for digit in part[2:]) else None
    if any(digit not in DIGITS for digit in part):
        return None
    if len(part) > 1 and part[0] == "0":
        return int(part, 8) if all(digit in "01234567" for digit in part) else None
    return int(part)
