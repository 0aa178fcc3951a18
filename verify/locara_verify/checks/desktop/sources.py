"""LC811 at the programs that record sound: whatever a sound server says of its sources, a microphone is none that plays
what the computer plays, and the sound of other apps is one.

Programs of the same names stand in their place: one tells of drawn sources, the other writes down which it records.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from locara.errors import CallError
from locara.sandbox.desktop.session import SessionRecorder
from locara_verify.checks.desktop.stage import DEVICES
from locara_verify.context import Context
from locara_verify.tally import Tally

SINK: Final = "alsa_output.pci"
_SIGNS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "source.monitor"},
    {"monitor_source": SINK},
    {"properties": {"device.class": "monitor"}},
)
"""What of a source says that it plays what a sink plays. Servers differ in which of it they tell."""
_PLAIN: Final[tuple[dict[str, Any], ...]] = (
    {"name": "source.microphone", "monitor_source": "", "properties": {"device.class": "sound"}},
    {"name": "source.microphone", "monitor_source": "n/a", "properties": {}},
    {"name": "source.microphone"},
)
_ODD: Final[tuple[dict[str, Any], ...]] = (
    {"name": "a b"},
    {"name": "x;id"},
    {"name": "x\n--help"},
    {"name": 7},
    {},
)

Json = Any


def sources(ctx: Context, tally: Tally) -> None:
    """Every sign alone and with others, at the source that the server calls the person's own; and microphones."""
    rng, folder = ctx.rng("desktop-sources"), ctx.fresh_dir("sound")
    _stand_in(folder)
    recorder = SessionRecorder({"PATH": f"{folder}:/usr/bin:/bin"})
    for one, plays in _drawn(rng):
        for device in ("microphone", "system-audio"):
            recorded = _recorded(recorder, folder, device, one)
            told = f"{device} of {json.dumps(one)}: {recorded}"
            if plays is not None and (device == "system-audio") == plays:
                wanted = one.get("monitor_source") == SINK if plays else True
                tally.twin(DEVICES, recorded is not None or not wanted, f"a source is recorded ({told})")
                continue
            tally.judge(DEVICES, recorded is None, "a device is recorded from a source of another kind", told)


def _drawn(rng: random.Random) -> Iterator[tuple[dict[str, Json], bool | None]]:
    """Sources, and whether each plays what a sink plays; None for one that nothing is to be recorded from."""
    for size in range(1, len(_SIGNS) + 1):
        for signs in itertools.combinations(_SIGNS, size):
            source: dict[str, Json] = dict(rng.choice(_PLAIN))
            for sign in signs:
                source |= sign
            yield source, True
    yield from ((dict(one), False) for one in _PLAIN)
    yield from ((dict(one), None) for one in _ODD)


def _recorded(
    recorder: SessionRecorder,
    folder: Path,
    device: Literal["microphone", "system-audio"],
    one: dict[str, Json],
) -> str | None:
    """Which source the recording program was started for, None when it was not started."""
    server = {"default_source_name": one.get("name"), "default_sink_name": SINK}
    (folder / "info").write_text(json.dumps(server), "utf-8")
    (folder / "list").write_text(json.dumps([one]), "utf-8")
    said = folder / "said"
    said.unlink(missing_ok=True)
    try:
        recorder.listen(device, 16_000, 1).stop()
    except CallError:
        return said.read_text("utf-8") if said.exists() else None
    return said.read_text("utf-8") if said.exists() else ""


def _stand_in(folder: Path) -> None:
    said = f"'{folder}/said'"
    programs = {
        "pactl": f"case \"$*\" in *info*) exec cat '{folder}/info';; *) exec cat '{folder}/list';; esac\n",
        "parec": f"printf '%s ' \"$@\" > {said}.new; mv {said}.new {said}; printf xxxx; exec sleep 20\n",
        "arecord": "exit 1\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}", "utf-8")
        (folder / name).chmod(0o755)
