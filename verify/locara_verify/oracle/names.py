"""Names as the manifest format defines them, judged without the product's code.

Every function here answers one question about one string by its characters, one by one. Plain on purpose: a
shared clever trick would be a shared mistake.
"""

from __future__ import annotations

LOWER = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
HEX = DIGITS + "abcdef"
IN_LABELS = LOWER + DIGITS + "-"
IN_ITEM_IDS = LOWER + DIGITS + "._-"
MAX_WILDCARD_BASE = 189  # leaves room for a label in front of the base
DEVICE_NAMES = ("con", "prn", "aux", "nul", "conin$", "conout$")
NUMBERED_DEVICES = ("com", "lpt")
DEVICE_DIGITS = "0123456789¹²³"
DIRECTION_AND_LINE = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
FORBIDDEN_IN_PATHS = frozenset("\\:") | {
    chr(code) for code in (*CONTROLS, *range(0xD800, 0xE000), *DIRECTION_AND_LINE)
}


def only(text: str, alphabet: str) -> bool:
    """Tell whether ``text`` is made of characters of ``alphabet`` alone."""
    return not text.strip(alphabet)  # asked a million times in a run


def is_slug(text: object, longest: int = 64) -> bool:
    """Tell whether ``text`` is a name or a publisher: letters, digits and inner hyphens, lower case."""
    if not isinstance(text, str) or not 1 <= len(text) <= longest:
        return False
    return only(text, IN_LABELS) and text[0] != "-" and text[-1] != "-"


def is_label(text: str) -> bool:
    """Tell whether ``text`` is one host name label in canonical form."""
    if not 1 <= len(text) <= 63:
        return False
    return only(text, IN_LABELS) and text[0] != "-" and text[-1] != "-"


def is_numeric(label: str) -> bool:
    """Tell whether an address parser might read ``label`` as a number, decimal, octal or ``0x``."""
    return only(label, DIGITS) or (label.startswith("0x") and only(label[2:], HEX))


def is_host(text: object) -> bool:
    """Tell whether ``text`` is a public host name written canonically (no address, no local name)."""
    if not isinstance(text, str) or not 1 <= len(text) <= 253:
        return False
    labels = text.split(".")
    if len(labels) < 2:
        return False
    for label in labels:
        if not is_label(label):
            return False
    if is_numeric(labels[-1]):
        return False
    return labels[-1] not in ("localhost", "local", "internal")


def is_host_pattern(text: object) -> bool:
    """Tell whether ``text`` may stand in ``allowed_hosts``: a host, or ``*.`` before one."""
    if not isinstance(text, str) or len(text) > 253:
        return False
    if text.startswith("*."):
        return len(text) <= 2 + MAX_WILDCARD_BASE and is_host(text[2:])
    return is_host(text)


def host_matches(pattern: str, host: str) -> bool:
    """Tell whether ``pattern`` names ``host``; a wildcard names proper sub-domains only, never the apex."""
    want = pattern.split(".")
    have = host.split(".")
    if want[0] != "*":
        return want == have
    tail = want[1:]
    return len(have) > len(tail) and have[len(have) - len(tail) :] == tail


def is_port(value: object) -> bool:
    """Tell whether ``value`` is a TCP port an app may be granted."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is ``sha256:`` and 64 lower-case hexadecimal digits."""
    head, colon, tail = text.partition(":")
    return head == "sha256" and colon == ":" and len(tail) == 64 and only(tail, HEX)


def is_item_id(text: str) -> bool:
    """Tell whether ``text`` is a model's or tool's bare id."""
    if not 1 <= len(text) <= 64 or text[0] not in LOWER + DIGITS:
        return False
    return only(text, IN_ITEM_IDS)


def split_pin(text: object) -> tuple[str, str] | None:
    """Split ``id@sha256:…`` into id and digest; ``None`` when ``text`` is no pin."""
    if not isinstance(text, str):
        return None
    head, at, tail = text.partition("@")
    if at != "@" or not is_item_id(head) or not is_digest(tail):
        return None
    return head, tail


def is_device_name(component: str) -> bool:
    """Tell whether ``component`` is a name that one of the desktop systems gives to a device."""
    stem = component.partition(".")[0].rstrip(" ").lower()
    if stem in DEVICE_NAMES:
        return True
    return len(stem) == 4 and stem[:3] in NUMBERED_DEVICES and stem[3] in DEVICE_DIGITS


def is_component(text: str) -> bool:
    """Tell whether ``text`` may be one component of a portable path."""
    if text in ("", ".", "..") or text[-1] in ". ":
        return False
    return FORBIDDEN_IN_PATHS.isdisjoint(text) and not is_device_name(text)


def is_portable_path(text: object) -> bool:
    """Tell whether ``text`` is a relative path that means the same on every system and cannot climb."""
    if not isinstance(text, str) or not text:
        return False
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    components = text.split("/")
    return size <= 255 and len(components) <= 16 and all(is_component(component) for component in components)


def is_semver(text: object) -> bool:
    """Tell whether ``text`` is MAJOR.MINOR.PATCH without leading zeros, pre-release or build parts."""
    if not isinstance(text, str):
        return False
    parts = text.split(".")
    if len(parts) != 3:
        return False
    return all(
        1 <= len(part) <= 9 and only(part, DIGITS) and (part == "0" or part[0] != "0") for part in parts
    )
