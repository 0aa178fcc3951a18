"""Recording sound: through the PulseAudio protocol (PulseAudio itself, or PipeWire's server for it), else ALSA.

A microphone is never a *monitor*: on a machine without one, servers name what the computer plays as the default
source, and a grant for the microphone does not cover that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from locara.errors import CallError
from locara.sandbox.desktop import programs
from locara.sandbox.desktop.ports import SoundSource, unavailable
from locara.sandbox.desktop.recording import ProgramRecording, record

_MOST: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9._:@+\-]{1,256}", re.ASCII)
_CARD: Final = re.compile(rb"^card \d+:", re.MULTILINE)
_NO_MICROPHONE: Final = "there is no microphone"
_CONNECT: Final = "connect a microphone, and choose it in the system's sound settings"


def listen(
    source: SoundSource, rate: int, channels: int, environ: Mapping[str, str] | None = None
) -> ProgramRecording:
    """See Recorder.listen."""
    pactl, parec = programs.find("pactl", environ), programs.find("parec", environ)
    if pactl and parec and (told := _told(pactl, environ, "info")) is not None:
        device = _device(pactl, environ, source, told)
        command = [parec, "--raw", "--format=s16le", f"--rate={rate}", f"--channels={channels}"]
        command += [f"--device={device}", "--latency-msec=50", "--client-name=Locara"]
    elif source == "system-audio":
        raise unavailable(
            "what the computer plays can be recorded through PulseAudio or PipeWire only",
            "install pulseaudio-utils, and pipewire-pulse or pulseaudio",
        )
    else:
        command = _alsa(rate, channels, environ)
    failed = CallError("the sound device did not begin", code="device_unavailable", fix=_CONNECT)
    return record(command, failed=failed, environ=environ)


def _alsa(rate: int, channels: int, environ: Mapping[str, str] | None) -> list[str]:
    arecord = programs.find("arecord", environ)
    if arecord is None:
        raise unavailable("no program to record sound is installed", "install pulseaudio-utils or alsa-utils")
    cards = programs.run([arecord, "--list-devices"], most=_MOST, environ=environ)
    if not cards.well or not _CARD.search(cards.out):
        raise unavailable(_NO_MICROPHONE, _CONNECT)
    return [arecord, "-q", "-D", "default", "-t", "raw", "-f", "S16_LE", "-r", str(rate), "-c", str(channels)]


def _told(pactl: str, environ: Mapping[str, str] | None, *words: str) -> Any | None:  # noqa: ANN401 - JSON
    done = programs.run([pactl, "--format=json", *words], most=_MOST, environ=environ)
    if not done.well or len(done.out) > _MOST:
        return None
    try:
        return json.loads(done.out)
    except ValueError:
        return None


def _device(
    pactl: str,
    environ: Mapping[str, str] | None,
    source: SoundSource,
    server: Any,  # noqa: ANN401 - JSON
) -> str:
    """The name of the source to record. Raises CallError device_unavailable."""
    listed = _told(pactl, environ, "list", "sources")
    sources = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    plays = source == "system-audio"
    key = "default_sink_name" if plays else "default_source_name"
    name = server.get(key) if isinstance(server, dict) else None
    for one in sources:
        found = one.get("name")
        fits = (one.get("monitor_source") if plays else found) == name
        if fits and _is_monitor(one) == plays and isinstance(found, str) and _NAME.fullmatch(found):
            return found
    if plays:
        raise unavailable(
            "nothing that this computer plays can be recorded", "choose an output in the sound settings"
        )
    raise unavailable(_NO_MICROPHONE, _CONNECT)


def _is_monitor(source: Mapping[str, Any]) -> bool:
    """Whether a source is what a sink plays: any of the three signs of it is enough, and so is a name missing."""
    name, properties = source.get("name"), source.get("properties")
    device_class = properties.get("device.class") if isinstance(properties, dict) else None
    of = source.get("monitor_source") or ""
    return (
        not isinstance(name, str)
        or name.endswith(".monitor")
        or of not in {"", "n/a"}
        or device_class == "monitor"
    )
