"""LC811 at the programs that record sound: whatever a sound server says of its sources, a microphone is none that plays
what the computer plays, and the sound of other apps is one.

Programs of the same names stand in their place: one tells of drawn sources, the other writes down which it records.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from locara.errors import CallError
from locara.sandbox.desktop.session import SessionRecorder
from locara_verify.checks.desktop.stage import DEVICES, manifest_of, watched
from locara_verify.checks.escape.outside import serving
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.tally import Tally

_SECONDS: Final = 10.0
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
_LOADED: Final = (
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PYTHONPATH", "PYTHONSTARTUP", "GTK_MODULES", "GTK_PATH", "BASH_ENV",
    "ENV", "GIO_EXTRA_MODULES", "GCONV_PATH", "ALSA_CONFIG_PATH", "http_proxy", "HTTPS_PROXY", "SSH_AUTH_SOCK",
)  # fmt: skip
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
    recorder = SessionRecorder({"PATH": f"{folder}:/usr/bin:/bin", **dict.fromkeys(_LOADED, "/nonexistent")})
    for one, plays in _drawn(rng):
        for device in ("microphone", "system-audio"):
            recorded = _recorded(recorder, folder, device, one)
            told = f"{device} of {json.dumps(one)}: {recorded}"
            if plays is not None and (device == "system-audio") == plays:
                wanted = one.get("monitor_source") == SINK if plays else True
                tally.twin(DEVICES, recorded is not None or not wanted, f"a source is recorded ({told})")
                continue
            tally.judge(DEVICES, recorded is None, "a device is recorded from a source of another kind", told)
    given = (folder / "environment").read_text("utf-8").splitlines()
    came = sorted({line.partition("=")[0] for line in given} & {*_LOADED})
    told = "what records is given variables that say which code it loads, or whom it asks"
    tally.judge(DEVICES, not came, told, str(came))


def ended(ctx: Context, tally: Tally) -> None:
    """Devices that real programs read: one is stopped and one is left on at the end of its app, while somebody still
    holds what comes of them. Both programs are gone, also the first, which does not end when it is asked to."""
    folder = ctx.fresh_dir("ended")
    _stand_in(folder, stubborn=True)
    (folder / "info").write_text(json.dumps({"default_source_name": _PLAIN[2]["name"]}), "utf-8")
    (folder / "list").write_text(json.dumps([_PLAIN[2]]), "utf-8")
    _, grants = manifest_of(ctx, {"device.microphone": True})
    desk, recorder = watched(ctx), SessionRecorder({"PATH": f"{folder}:/usr/bin:/bin"})
    asked = {"op": "listen", "device": "microphone", "rate": 16_000, "channels": 1}
    with contextlib.ExitStack() as held:
        with serving(grants, desktop=replace(desk.desktop, recorder=recorder)) as peer:
            first = peer.hold(held, **asked).reply.get("recording", "")
            second = peer.hold(held, **asked).reply.get("recording", "")
            on = _running(folder)
            tally.twin(DEVICES, bool(first and second) and on == 2, f"two devices are on ({on})")
            peer.ask(op="stop", recording=first)
            left = happens(lambda: _running(folder) <= 1, _SECONDS)
            tally.judge(
                DEVICES, left, "a device that was stopped goes on", f"{_running(folder)} of {on} are on"
            )
        gone = happens(lambda: _running(folder) == 0, _SECONDS)
        tally.judge(DEVICES, gone, "a device outlives its app", f"{_running(folder)} of {on} are on")


def _running(folder: Path) -> int:
    """How many of the recording programs that were started run now."""
    pids = (folder / "pids").read_text("utf-8").split() if (folder / "pids").exists() else []
    return sum(_is_alive(pid) for pid in pids)


def _is_alive(pid: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in {"Z", "X"}


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


def _stand_in(folder: Path, *, stubborn: bool = False) -> None:
    """The programs of a session that record. ``stubborn``: the first that is started ignores that it is to end."""
    said = f"'{folder}/said'"
    first = f"[ -e '{folder}/pids' ] || trap '' TERM; " if stubborn else ""
    programs = {
        "pactl": f"case \"$*\" in *info*) exec cat '{folder}/info';; *) exec cat '{folder}/list';; esac\n",
        "parec": f"{first}env > '{folder}/environment'; echo $$ >> '{folder}/pids'; printf '%s ' \"$@\" > {said}.new\n"
        f"mv {said}.new {said}; printf xxxx; exec sleep 20\n",
        "arecord": "exit 1\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}", "utf-8")
        (folder / name).chmod(0o755)
