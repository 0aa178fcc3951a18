"""Outside: what `espeak-ng` is started with. The text goes through its input, never onto a command line.

espeak-ng is a GPL-3 program: it is started, never linked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from locara.errors import CallError
from locara.programs.launch import MIB, Launch, Limits, find, folder_of, interpreter_of
from locara.programs.places import PROGRAM, PROGRAM_DATA
from locara.programs.sound import PITCHES, RATES, VOICE
from locara.sandbox.plan import Source

PACKAGE: Final = "espeak-ng"
PLACES: Final = (
    "/usr/lib/x86_64-linux-gnu/espeak-ng-data",
    "/usr/lib/aarch64-linux-gnu/espeak-ng-data",
    "/usr/lib64/espeak-ng-data",
    "/usr/lib/espeak-ng-data",
    "/usr/share/espeak-ng-data",
)
LIMITS: Final = Limits(memory=512 * MIB, cpu=45, wall=60.0)


def facts() -> Mapping[str, Any]:
    """`{installed}`. Raises CallError when espeak-ng or its data is missing."""
    _sources()
    return {"installed": True}


def _sources() -> tuple[Source, Source, str]:
    program = find("espeak-ng", package=PACKAGE)
    folder = folder_of(PLACES, "phontab")
    if folder is None:
        raise CallError(
            "espeak-ng has no voices on this machine",
            code="program_unavailable",
            fix="install them (Debian, Ubuntu: apt install espeak-ng-data)",
        )
    data = Source(folder, f"{PROGRAM_DATA}/espeak-ng-data", "dir")
    return Source(program, PROGRAM, "file"), data, interpreter_of(program)


def _launch(name: str, argv: tuple[str, ...]) -> Launch:
    program, data, interpreter = _sources()
    return Launch(
        name,
        LIMITS,
        argv=argv,
        interpreter=interpreter,
        sources=(program, data),
        readable=(data.dest,),
        threads=True,
        environment={"ESPEAK_DATA_PATH": PROGRAM_DATA},
    )


def speak(options: Mapping[str, Any]) -> Launch:
    """The call for `{voice, rate, pitch}`. Raises CallError for anything out of its range."""
    if options.keys() != {"voice", "rate", "pitch"}:
        raise CallError("text is spoken with voice, rate and pitch", code="bad_request")
    voice, rate, pitch = options["voice"], options["rate"], options["pitch"]
    if not isinstance(voice, str) or VOICE.fullmatch(voice) is None:
        raise CallError("voice is a language tag such as en-us", code="bad_request", fix="see tts.voices")
    if type(rate) is not int or rate not in RATES:
        raise CallError(f"rate is {RATES[0]} to {RATES[-1]} words a minute", code="bad_request")
    if type(pitch) is not int or pitch not in PITCHES:
        raise CallError(f"pitch is {PITCHES[0]} to {PITCHES[-1]}", code="bad_request")
    # Without -m no markup is obeyed; -b 1 is UTF-8 whatever the locale.
    words = ("espeak-ng", "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(rate), "-p", str(pitch))
    return _launch("speech", words)


def voices(options: Mapping[str, Any]) -> Launch:
    """The call that lists the voices."""
    if options:
        raise CallError("the list of voices has no options", code="bad_request")
    return _launch("voices", ("espeak-ng", "--voices"))
