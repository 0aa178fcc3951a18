"""What an entitlement means for an app that is to be local: Apple's keys, each with a verdict, and nothing by default.

The keys that a manifest gives are not judged here: whoever has them must have them, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

PREFIX: Final = "com.apple.security."
FORBIDDEN: Final = "may never be signed"
REVIEWED: Final = "needs somebody who looked at it"
UNKNOWN: Final = "is not known, and may mean anything"

_FORBIDDEN: Final = (
    "files.all", "cs.allow-unsigned-executable-memory", "cs.disable-executable-page-protection",
    "cs.disable-library-validation", "cs.allow-dyld-environment-variables", "cs.debugger", "get-task-allow",
    "temporary-exception.",
)  # fmt: skip
_REVIEWED: Final = (
    "network.client", "network.server", "files.user-selected.executable", "files.bookmarks.", "files.user-selected.",
    "files.downloads.", "assets.pictures.", "assets.music.", "assets.movies.", "personal-information.", "print",
    "device.", "application-groups", "automation.apple-events", "scripting-targets", "cs.allow-jit",
)  # fmt: skip
_PAIRS: Final = (
    (
        ("cs.allow-dyld-environment-variables", "cs.disable-library-validation"),
        "code of others is loaded into it",
    ),
    (("cs.disable-library-validation", "files.user-selected.executable"), "what it fetched can be loaded"),
    (("cs.disable-library-validation", "files.downloads.read-write"), "what it fetched can be loaded"),
    (("network.client", "files.all"), "all that it reads can be sent away"),
)


def verdict(key: str) -> str:
    """Why a key that the manifest does not give must not be there."""
    name = key.removeprefix(PREFIX)
    if key == name:
        return FORBIDDEN if key == "get-task-allow" else UNKNOWN
    if _among(name, _FORBIDDEN):
        return FORBIDDEN
    return REVIEWED if _among(name, _REVIEWED) else UNKNOWN


def together(keys: AbstractSet[str]) -> Iterator[str]:
    """What keys do that are harmless apart."""
    for names, what in _PAIRS:
        if all(PREFIX + name in keys for name in names):
            yield f"{' and '.join(names)}: {what}"


def _among(name: str, listed: tuple[str, ...]) -> bool:
    return any(name.startswith(one) if one.endswith(".") else name == one for one in listed)
