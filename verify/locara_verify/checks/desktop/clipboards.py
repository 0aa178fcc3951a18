"""LC812 at the programs that reach the session's clipboard: what the person copied is read and replaced, and nothing of
what they only selected, or of other kinds than text.

Programs of the same names stand in their place and keep selections as the real ones do: each in a file, and by default
the one that these programs take where none is named.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from locara.errors import CallError
from locara.sandbox.desktop.clipboard import SessionClipboard
from locara_verify.checks.desktop.stage import CLIPBOARD
from locara_verify.context import Context
from locara_verify.tally import Tally

_SELECTED: Final = "selected by the person, and not copied"
_COPIED: Final = "copied by the person"
_SESSIONS: Final = {
    "wl-clipboard": ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, ("wl-paste", "wl-copy")),
    "xclip": ({"DISPLAY": ":0"}, ("xclip",)),
    "xsel": ({"DISPLAY": ":0"}, ("xsel",)),
}
# Words that name a selection, in full and as these programs let them be cut; where none is said it is what they take.
_PROGRAM: Final = """#!/bin/sh
from={folder}/{default}; text=no; write={write}
for word in "$@"; do case "$word" in
  primary|--primary|-p) from={folder}/primary;; secondary|--secondary|-s) from={folder}/secondary;;
  clip*|--clipboard|-b) from={folder}/clipboard;; UTF8_STRING|text/plain*) text=yes;;
  -in|-i|--input) write=yes;; -out|-o|--output) write=no;;
esac; done
if [ $write = yes ]; then cat > "$from"; exit 0; fi
[ $text = yes ] || [ {name} = xsel ] || from={folder}/picture
[ -s "$from" ] || {{ echo "Error: target not available" >&2; exit 1; }}
cat "$from"
"""


def clipboards(ctx: Context, tally: Tally) -> None:
    """Each program, with and without something on the clipboard; and one that does not work at all."""
    for (name, (session, programs)), copied in itertools.product(_SESSIONS.items(), (_COPIED, "")):
        folder = ctx.fresh_dir("selections")
        kept = {"primary": _SELECTED, "secondary": _SELECTED, "picture": _SELECTED, "clipboard": copied}
        for selection, text in kept.items():
            (folder / selection).write_text(text, "utf-8")
        for program in programs:
            _stand_in(folder, program)
        clipboard = SessionClipboard({**session, "PATH": f"{folder}:/usr/bin:/bin"}, "linux")
        read = clipboard.read().decode()
        told = f"{name}, {'something' if copied else 'nothing'} copied: {read[:40]!r}"
        tally.judge(CLIPBOARD, read == copied, "what is read is not what the person copied", told)
        if not copied:
            continue
        clipboard.write(b"of the app")
        after = {selection: (folder / selection).read_text("utf-8") for selection in kept}
        told = f"{name}: {sorted(key for key in kept if after[key] != kept[key])}"
        held = after == {**kept, "clipboard": "of the app"}
        tally.judge(CLIPBOARD, held, "another selection than the clipboard is replaced", told)
        for program in programs:
            (folder / program).write_text("#!/bin/sh\nexit 1\n", "utf-8")
        try:
            clipboard.write(b"lost")
            wrote = True
        except CallError:
            wrote = False
        tally.judge(CLIPBOARD, not wrote, "what was not written is said to be", name)


def _stand_in(folder: Path, name: str) -> None:
    default = "clipboard" if name.startswith("wl-") else "primary"
    write = "yes" if name == "wl-copy" else "no"
    program = folder / name
    program.write_text(_PROGRAM.format(folder=folder, default=default, write=write, name=name), "utf-8")
    program.chmod(0o755)
