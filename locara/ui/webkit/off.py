"""What of the engine is switched off in every window, by the names of its settings."""

from __future__ import annotations

from typing import Final

SWITCHED_OFF: Final = (
    "enable-dns-prefetching",
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
