"""The closed lists of ``locara/v1`` and what of them this version can do."""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = (
    "productivity",
    "creative",
    "developer",
    "education",
    "utilities",
    "media",
    "communication",
    "finance",
    "health",
    "games",
)

MODALITIES: Final = (
    "text-to-text",
    "text-to-text-thinking",
    "speech-to-text",
    "text-to-speech",
    "voice-to-voice",
    "image-to-text",
    "text-to-image",
    "text-to-embedding",
)
MODALITIES_WITH_MODEL: Final = frozenset(
    {"text-to-text", "text-to-text-thinking", "text-to-embedding", "speech-to-text"}
)
MODALITIES_WITH_BACKEND: Final = MODALITIES_WITH_MODEL | {"image-to-text", "text-to-speech"}

TOOLING: Final = (
    "ocr",
    "filesystem.search",
    "filesystem.read",
    "filesystem.write",
    "code-exec.python",
    "code-exec.javascript",
    "audio.transcribe",
    "audio.synthesize",
    "vision.classify",
    "browser.fetch",
    "vector.search",
)
TOOLING_WITH_TOOL: Final = frozenset({"code-exec.javascript", "code-exec.python"})
TOOLING_WITH_BACKEND: Final = TOOLING_WITH_TOOL | {"vector.search", "ocr", "audio.synthesize"}

VECTOR_ENGINES: Final = ("sqlite-vec", "zvec")
VECTOR_ENGINES_WITH_BACKEND: Final = frozenset(VECTOR_ENGINES)

# SPDX identifiers an app may carry.
LICENSES: Final = (
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CECILL-2.1",
    "ECL-2.0",
    "EPL-2.0",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MS-PL",
    "MulanPSL-2.0",
    "NCSA",
    "OFL-1.1",
    "OSL-3.0",
    "PostgreSQL",
    "Python-2.0",
    "UPL-1.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "Zlib",
)
