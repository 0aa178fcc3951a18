"""What of the engine is switched off in every window, by the names of its settings and of its features."""

from __future__ import annotations

from typing import Final

SWITCHED_OFF: Final = (
    "disable-web-security",
    "enable-developer-extras",
    "enable-dns-prefetching",
    "enable-encrypted-media",
    "enable-media-stream",
    "enable-mock-capture-devices",
    "enable-page-cache",
    "enable-webgl",
    "enable-webrtc",
    "javascript-can-access-clipboard",
    "javascript-can-open-windows-automatically",
    "allow-file-access-from-file-urls",
    "allow-universal-access-from-file-urls",
    "allow-top-navigation-to-data-urls",
)
FEATURES_OFF: Final = ("LinkDNSPrefetch", "LinkPreconnect", "LinkPreconnectEarlyHints", "LinkPrefetch")
"""Ways to a server that no content policy of a page governs. Engines before 2.42 cannot be told; the window has no
network in any case."""
