"""Writes docs/escapes.md from the history of public flaws and the rules: `python tools/escape_table.py [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs/escapes.md"
HEAD = """# Known escapes, and the rules that attack them

Flaws that other systems had in public. Each stands for a family; the rules beside it generate the family, and this
table is written from the rules themselves (`tools/escape_table.py`; a test compares the two).
`locara verify --explain LC204` says what one rule does.

| row | known as | system | what an attack looks like | rules |
|---|---|---|---|---|
"""


def table() -> str:
    """The text of docs/escapes.md."""
    from locara_verify.catalogue import catalogue  # noqa: PLC0415 - the checkout is put on the path first
    from locara_verify.history import attacked_by, escapes  # noqa: PLC0415

    rules = attacked_by(catalogue().values())
    lines = []
    for row in escapes():
        cells = (
            row.id,
            ", ".join(row.public) or row.known_as,
            row.system,
            row.attack,
            ", ".join(rules.get(row.id, ())) or "none",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """0; with --check 1 when the file is not what it should be."""
    if "--check" in sys.argv[1:]:
        return 0 if PLACE.read_text(encoding="utf-8") == table() else 1
    PLACE.write_text(table(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "verify")]
    sys.exit(main())
