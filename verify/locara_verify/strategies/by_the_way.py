"""Names that programs leave beside what they were asked to pack: nobody lists them, and none of them is nothing."""

from __future__ import annotations

from typing import Final

LEFT: Final = (
    "._index.html", ".DS_Store", "__MACOSX/._index.html", "Icon\r", "Thumbs.db", "desktop.ini", "~$a.docx", ".a.swp",
    "a~", "a.orig", ".#a", ".gitignore", ".git/config", ".npmignore", "LICENSE", "README.md", "META-INF/A.SF", "a.sig",
    "RECORD", "__pycache__/a.pyc", ".keep", "pax_global_header",
)  # fmt: skip
BELOW: Final = ("", "app/", "app/dist/", "docs/")
