"""Names that programs leave beside what they were asked to pack: nobody lists them, and none of them is nothing."""

from __future__ import annotations

from typing import Final

LEFT: Final = (
    "._index.html", ".DS_Store", "__MACOSX/._index.html", "Thumbs.db", ".gitignore", "META-INF/A.SF", "a~", "README.md",
)  # fmt: skip
BELOW: Final = ("", "app/", "app/dist/", "docs/")
