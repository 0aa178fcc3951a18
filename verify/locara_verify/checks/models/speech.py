"""LC511 to LC513: speech of the running app, sound files that lie, and speech models that lie."""

from __future__ import annotations

import base64
import io
import math
import random
import struct
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import CallError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.hearings import hearings
from locara_verify.checks.models.probe import (
    CALL_SECONDS,
    SPEECH,
    Tally,
    blob,
    is_speech_model,
    pins_models,
    refusal,
    survives,
)
from locara_verify.checks.programs.hostile import keeps_nothing
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.runtime.client import Client

LIVE, SOUND, MODEL = "LC511", "LC512", "LC513"
RATE: Final = 16_000
STREAMS: Final = 4
UNGUESSABLE: Final = 32
"""Hexadecimal digits of a name that nobody guesses: 128 bits."""
FILE: Final = "transcribe.fromFile"
RIFF: Final = "<4sI4s4sIHHIIHH4sI"

Damage = Callable[[bytearray], object]


def listens(target: Target) -> str | None:
    """Applies to apps that turn speech into text."""
    reason = pins_models(target)
    return reason or (None if SPEECH in target.grants.modalities else "the app declares no speech-to-text")


def speech_model(ctx: Context) -> str | None:
    """The first pinned speech model, by its id in the manifest. Raises ModelError when a model is missing."""
    for name, digest in ctx.grants.models.items():
        if is_speech_model(blob(ctx, digest)):
            return name
    return None


def writing(document: dict[str, Any]) -> None:
    """The app with the right to write into its own folder, where the sound is put."""
    document["capabilities"]["fs.app-data"] = "read-write"


def sound(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples)
    return out.getvalue()


def babble(rng: random.Random, seconds: float) -> bytes:
    """Something between tones and noise, as samples: what it means is nobody's business."""
    count = int(seconds * RATE)
    pitch = rng.uniform(90, 240)
    return b"".join(
        struct.pack(
            "<h", int(9_000 * math.sin(at * pitch / 2_500) * math.sin(at / 1_900) + rng.gauss(0, 300))
        )
        for at in range(count)
    )


def recordings(ctx: Context) -> Iterator[tuple[str, bytes]]:
    """Sounds to hear: the shipped recordings where there are any, and made-up ones."""
    for path in sorted((ctx.fixtures / "audio").glob("s[36]-*.wav")):
        with wave.open(str(path)) as file:
            yield path.stem, file.readframes(file.getnframes())
    yield "babble", babble(ctx.rng("speech"), 3.0)


def put(client: Client, name: str, data: bytes) -> None:
    """Write a file into the app's own folder."""
    encoded = base64.b64encode(data).decode()
    client.call("fs.write", {"root": "$APP_DATA", "path": name, "data": encoded, "mode": "replace"})


def asked(model: str, name: str) -> dict[str, JSON]:
    """Arguments to hear a file of the app's own folder."""
    return {"model": model, "root": "$APP_DATA", "path": name}


@check("speech-live", rules=(LIVE,), needs=frozenset({"live", "models"}), applies=listens)
def live(ctx: Context) -> CheckResult:
    """Hear sounds whole, streamed and pushed, silence, and a long sound that is cancelled."""
    tally = Tally()
    model = speech_model(ctx)
    if model is None:
        tally.undecided(LIVE, "no pinned model is a speech model")
        return tally.result()
    with ctx.open_app(ctx.variant("speech", writing)) as app, survives(tally, LIVE, app.client):
        streams_end(tally, app.client, model)
        for name, samples in recordings(ctx):
            ctx.progress(0, 0, name)
            hears(tally, app.client, model, name, samples)
        put(app.client, "silence.wav", sound(bytes(6 * RATE)))
        silent = app.client.call(FILE, asked(model, "silence.wav"), timeout=CALL_SECONDS)
        tally.expect(
            LIVE, silent["segments"] == [], "silence was heard as words", ascii(silent["segments"])[:300]
        )
        decided(tally, app.client, model)
        keeps_nothing(tally, LIVE, app, {FILE: {"model": model}})
        cancels(tally, app.client, model, ctx.rng("cancel"))
    hearings(ctx, tally)
    return tally.result()


def hears(tally: Tally, client: Client, model: str, name: str, samples: bytes) -> None:
    """One sound in three ways: segments in order inside it, events that are the result, equal text twice."""
    put(client, "sound.wav", sound(samples))
    stream = client.stream(FILE, {**asked(model, "sound.wav"), "stream": True})
    events = list(stream)
    whole = stream.result
    silent = client.stream(FILE, asked(model, "sound.wav"), timeout=CALL_SECONDS)
    unasked = list(silent)
    again = silent.result
    tally.expect(LIVE, not unasked, f"{name}: events came that were not asked for", ascii(unasked)[:200])
    segments = whole["segments"]
    times = [time for one in segments for time in (one["start"], one["end"])]
    seconds = len(samples) / 2 / RATE
    told = [{**one, "type": "segment"} for one in segments]
    tally.expect(LIVE, events == told, f"{name}: the events are not the segments of the result", sound=name)
    tally.expect(
        LIVE,
        all(0 <= one["start"] <= one["end"] <= seconds + 0.01 for one in segments)
        and [one["start"] for one in segments] == sorted(one["start"] for one in segments),
        f"{name}: times are out of order or outside the sound",
        f"{times} in {seconds} s"[:300],
        sound=name,
    )
    tally.expect(
        LIVE, abs(whole["duration"] - seconds) < 0.01, f"{name}: the length is wrong", f"{whole['duration']}"
    )
    tally.expect(LIVE, again["segments"] == segments, f"{name}: equal sound gave other text", sound=name)
    opened = client.call("transcribe.open", {"model": model})["stream"]
    came = []
    for at in range(0, len(samples), RATE):
        data = base64.b64encode(samples[at : at + RATE]).decode()
        part = client.call("transcribe.push", {"stream": opened, "data": data}, timeout=CALL_SECONDS)
        came += part["segments"]
    end = client.call("transcribe.close", {"stream": opened}, timeout=CALL_SECONDS)
    tally.expect(
        LIVE, came + end["last"] == end["segments"], f"{name}: pushes and the whole differ", sound=name
    )


def decided(tally: Tally, client: Client, model: str) -> None:
    """Whoever hears a file or opens a stream has asked for the model, and not only for the file."""
    client.call(FILE, asked(model, "silence.wav"), timeout=CALL_SECONDS)
    stream = client.call("transcribe.open", {"model": model, "rate": RATE}, timeout=CALL_SECONDS)["stream"]
    client.call("transcribe.close", {"stream": stream}, timeout=CALL_SECONDS)
    entries = client.call("audit.capabilityLog", {"limit": 20}, timeout=CALL_SECONDS)["entries"]
    asked_for = {entry["cmd"] for entry in entries if entry["capability"] == "models"}
    for command in (FILE, "transcribe.open", "transcribe.close"):
        tally.expect(LIVE, command in asked_for, "a use of a model is not in the log", command)


def streams_end(tally: Tally, client: Client, model: str) -> None:
    """No more streams than there may be, none of them after its end, and each use of one in the log."""
    names = []
    for number in range(STREAMS + 2):
        args: dict[str, JSON] = {"model": model, "rate": RATE}
        code = refusal(client, "transcribe.open", args)[0] if number >= STREAMS else "ok"
        due = "busy" if number >= STREAMS else "ok"
        if due == "ok":
            names.append(client.call("transcribe.open", args, timeout=CALL_SECONDS)["stream"])
        tally.expect(LIVE, code == due, "any number of transcriptions is open", f"{number + 1}: {code}")
    some = base64.b64encode(bytes(RATE)).decode()
    unguessed(tally, client, names, some)
    pushed = 0
    for name in names:
        client.call("transcribe.push", {"stream": name, "data": some}, timeout=CALL_SECONDS)
        pushed += 1
        client.call("transcribe.close", {"stream": name}, timeout=CALL_SECONDS)
        for command, more in (("transcribe.push", {"data": some}), ("transcribe.close", {})):
            code, _ = refusal(client, command, {"stream": name, **more})
            tally.expect(
                LIVE, code == "not_found", "a transcription is open after its end", f"{command}: {code}"
            )
    entries = client.call("audit.capabilityLog", {"limit": 200}, timeout=CALL_SECONDS)["entries"]
    for command in ("transcribe.push", "transcribe.close"):
        told = sum(entry["cmd"] == command and entry["allowed"] for entry in entries)
        tally.expect(
            LIVE, told >= pushed, "a use of a model is not in the log", f"{command}: {told} of {pushed}"
        )


def unguessed(tally: Tally, client: Client, names: list[str], some: str) -> None:
    """No open transcription is reached by a number, a part of its name or another spelling of it."""
    numbers = [f"{number}" for number in range(-1, 12)]
    near = [
        other
        for name in names
        for other in (
            name[:-1],
            name[1:],
            f"{name} ",
            f"{name}0",
            name.swapcase(),
            name[::-1],
            name[: len(name) // 2],
        )
    ]
    for name in (*numbers, *near, "stream", "0" * 32, "*"):
        for command, more in (("transcribe.push", {"data": some}), ("transcribe.close", {})):
            code, _ = refusal(client, command, {"stream": name, **more})
            held = code in {"not_found", "bad_request"}
            tally.expect(
                LIVE, held, "an open transcription has a name that can be guessed", f"{name!a}: {code}"
            )
    apart = len(set(names)) == len(names) and all(len(name) >= UNGUESSABLE for name in names)
    tally.expect(LIVE, apart, "names of transcriptions are short or given twice", str(names))


def cancels(tally: Tally, client: Client, model: str, rng: random.Random) -> None:
    """A cancel ends the work: the next sound is heard at once, and not after minutes."""
    put(client, "long.wav", sound(babble(rng, 20.0) * 9))
    waiting = client.send(FILE, asked(model, "long.wav"))
    client.cancel(waiting)
    try:
        ended = client.wait(waiting, CALL_SECONDS)["finishReason"]
    except CallError as error:
        ended = error.code
    tally.expect(LIVE, ended in {"cancelled", "stop"}, "a cancelled call ended in another way", str(ended))


def header(**lies: int) -> bytes:
    """A WAV header of a second of sound with some numbers replaced."""
    fields = {
        "riff": 36 + 32_000,
        "fmt": 16,
        "code": 1,
        "channels": 1,
        "rate": RATE,
        "bytes": 32_000,
        "align": 2,
    }
    fields |= {"bits": 16, "data": 32_000} | lies
    numbers = list(fields.values())
    return struct.pack(RIFF, b"RIFF", numbers[0], b"WAVE", b"fmt ", *numbers[1:8], b"data", numbers[8])


def lies() -> Iterator[tuple[str, bytes]]:
    """Files that are no sound, or not the sound they say."""
    body = bytes(32_000)
    wide = (0, 1, 2**15, 2**16 - 1)
    huge = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)
    for name, values in {
        "code": (0, 2, 17, 85, 0xFFFE),
        "channels": (0, 9, *wide[2:]),
        "bits": (0, 1, 12, 64, *wide[2:]),
        "align": wide,
        "rate": huge,
        "bytes": huge,
        "fmt": (0, 15, 17, *huge[2:]),
        "data": (*huge[2:], 32_001, 31_999),
        "riff": (*huge[2:], 32_037),
    }.items():
        for value in values:
            yield f"{name} = {value}", header(**{name: value}) + body
    for cut in (0, 3, 4, 11, 12, 20, 36, 43, 1_000):
        yield f"cut after {cut} bytes", (header() + body)[:cut]
    for kind in (b"OggS", b"fLaC", b"ID3\4", b"RIFX", b"RF64", b"\x1aE\xdf\xa3", b"\0\0\0\x18ftypmp42"):
        yield f"another container ({kind!a})", kind + bytes(4_000)
    nan = struct.pack("<f", math.nan) * 8_000
    yield "samples that are no numbers", header(code=3, bits=32, align=4, bytes=64_000) + nan
    yield "two descriptions", header()[:36] + header()[12:36] + header()[36:] + body
    yield "ten thousand parts", b"RIFF" + struct.pack("<I", 80_004) + b"WAVE" + b"junk\0\0\0\0" * 10_000


NAMES: Final = (
    "$(touch canary).wav",
    "`touch canary`.wav",
    "-i canary.wav",
    "a;touch canary;.wav",
    "|touch canary",
)


def more_lies() -> Iterator[tuple[str, bytes, int]]:
    """Files that are wrong in one thing each, and how long each is: what is not written is zero."""
    body = bytes(32_000)
    for what, data in lies():
        if what != "samples that are no numbers":  # which only shows when they are heard
            yield what, data, len(data)
    parts = b"junk\0\0\0\0" * 300
    whole = struct.pack("<4sI4s", b"RIFF", 36 + len(parts) + 32_000, b"WAVE") + parts + header()[12:] + body
    yield "three hundred parts before the sound", whole, len(whole)
    long = 8_000 * (12 * 3_600 + 1)
    eight = {"rate": 8_000, "bytes": 8_000, "align": 1, "bits": 8}
    yield "twelve hours and a second", header(**eight, data=long, riff=36 + long), 44 + long
    wide = {"fmt": 40, "code": 0xFFFE}
    tail = bytes.fromhex("000000001000800000aa00389b71")

    def described(extra: int = 22, bits: int = 16, code: int = 1, family: bytes = tail) -> bytes:
        return struct.pack("<HHIH", extra, bits, 0, code) + family

    for what, extra in {
        "no extension": b"",
        "a longer one": described(extra=23),
        "other bits": described(bits=12),
        "another family": described(family=tail[::-1]),
        "another code": described(code=2),
    }.items():
        start = header(**wide, riff=60 + 32_000)
        data = start[:36] + extra.ljust(24, b"\0") + start[36:] + body
        yield f"an extended description with {what}", data, len(data)
    for more in (2, 4, 1_000, 32_000):
        yield f"{more} bytes of sound more than there are", header(data=32_000 + more) + body, 44 + 32_000
    for other in (header()[12:36], header(channels=2, align=4, bytes=64_000)[12:36]):
        twice = header(riff=60 + 32_000)[:36] + other + header()[36:] + body
        yield "two descriptions, and room for both", twice, len(twice)
    for offset in (1, 2, 31_999):
        yield (
            f"{offset} bytes fewer than it says",
            (header() + body)[: 44 + 32_000 - offset],
            44 + 32_000 - offset,
        )
    yield (
        "a part longer than the file",
        header(riff=36 + 32_000, data=32_000)[:36]
        + b"junk"
        + struct.pack("<I", 2**31)
        + header()[36:]
        + body,
        44 + 32_008,
    )
    odd = header(channels=2, align=4, bytes=64_000, data=31_998, riff=36 + 31_998) + body
    yield "half a sample at the end", odd[: 44 + 31_998], 44 + 31_998


@check("sound-headers", rules=(SOUND,), quick=True)
def sound_headers(ctx: Context) -> CheckResult:
    """The reader of sound files alone, which stands before every speech model."""
    from locara.errors import InferenceError  # noqa: PLC0415 - loads the framework
    from locara.inference.audio import read_wav  # noqa: PLC0415

    tally = Tally()
    place = ctx.fresh_dir("sound") / "one.wav"
    right = header() + bytes(32_000)
    for what, data, size in (("", right, len(right)), *more_lies()):
        place.write_bytes(data)
        with place.open("r+b") as file:
            file.truncate(size)
            try:
                said = f"{read_wav(file.fileno()).seconds:.0f} seconds"
            except InferenceError as error:
                said = error.code
            except Exception as error:
                said = type(error).__name__
        if not what:
            if said != "1 seconds":
                tally.undecided(SOUND, f"the allow twin failed: a right file is read as {said}")
            continue
        tally.attacks += 1
        told = f"the reader of sound did not refuse a file: {what}"
        tally.expect(SOUND, said == "bad_request", told, said, lie=what)
    samples(tally, place)
    return tally.result()


def samples(tally: Tally, place: Path) -> None:
    """What is no number is refused wherever it stands; what is louder than may be is as loud as may be; a file that
    becomes shorter while it is read is refused."""
    for bits, form in ((32, "<f"), (64, "<d")):
        count, width = 2 * RATE, bits // 8  # more than one block of reading
        described = {"code": 3, "bits": bits, "align": width, "bytes": RATE * width, "data": count * width}
        start = header(**described, riff=36 + count * width)
        for value in (0.5, 1e30, -1e30, math.nan, math.inf, -math.inf):
            for at in (0, RATE, count - 1):
                body = bytearray(struct.pack(form, 0.25) * count)
                body[at * width : (at + 1) * width] = struct.pack(form, value)
                place.write_bytes(start + body)
                said = _heard(place, shorter=0)
                told = f"{value} at {at} of {count}, {bits} bits: {said}"
                if math.isfinite(value):
                    due = min(1.0, max(-1.0, value))
                    tally.expect(SOUND, said == f"{due}", "samples are louder than they may be", told)
                else:
                    tally.attacks += 1
                    tally.expect(SOUND, said == "bad_request", "samples that are no numbers are heard", told)
        for shorter in (0, 1, width, RATE * width, count * width):
            place.write_bytes(start + struct.pack(form, 0.25) * count)
            said = _heard(place, shorter)
            told = f"{shorter} bytes fewer, {bits} bits: {said}"
            if shorter:
                tally.expect(SOUND, said == "bad_request", "a file that became shorter is heard", told)
            elif said != "0.25":
                tally.undecided(SOUND, f"the allow twin failed: a right file is not heard: {told}")


def _heard(place: Path, shorter: int) -> str:
    """The loudest sample, or why there is none; the file loses so many bytes after its structure was read."""
    from locara.errors import InferenceError  # noqa: PLC0415 - loads the framework
    from locara.inference.audio import mono_blocks, read_wav  # noqa: PLC0415

    with place.open("r+b") as file:
        try:
            wav = read_wav(file.fileno())
            size = place.stat().st_size
            file.truncate(size - shorter)
            blocks = list(mono_blocks(file.fileno(), wav))
        except InferenceError as error:
            return error.code
    return f"{max((float(block[abs(block).argmax()]) for block in blocks), key=abs)}"


@check("hostile-sound", rules=(SOUND,), needs=frozenset({"live", "models"}), applies=listens)
def hostile_sound(ctx: Context) -> CheckResult:
    """Each lie must be a bad request; names that a shell would run are names; a right file works throughout."""
    tally = Tally()
    model = speech_model(ctx)
    if model is None:
        tally.undecided(SOUND, "no pinned model is a speech model")
        return tally.result()
    with ctx.open_app(ctx.variant("speech", writing)) as app, survives(tally, SOUND, app.client):
        for what, data in lies():
            put(app.client, "lie.wav", data)
            code, message = refusal(app.client, FILE, asked(model, "lie.wav"))
            tally.attacks += 1
            tally.expect(
                SOUND, code == "bad_request", f"a sound file was not refused: {what}", f"{code}: {message}"[:300],
                lie=what,
            )  # fmt: skip
        for name in NAMES:
            put(app.client, name, header() + bytes(32_000))
            code, message = refusal(app.client, FILE, asked(model, name))
            tally.attacks += 1
            tally.expect(
                SOUND, code == "ok", f"a file named {name} is not just a file", f"{code}: {message}"[:300]
            )
        left = {
            one["name"] for one in app.client.call("fs.list", {"root": "$APP_DATA", "path": ""})["entries"]
        }
        tally.expect(
            SOUND,
            left == {"lie.wav", *NAMES},
            "hearing files made or removed files",
            ascii(sorted(left))[:300],
        )
    return tally.result()


def word(at: int, value: int) -> Damage:
    """One number of the shape, by its place among them."""
    return lambda data: data.__setitem__(slice(4 + 4 * at, 8 + 4 * at), struct.pack("<I", value % 2**32))


def model_lies(size: int) -> Mapping[str, Damage]:
    """Ways for a speech model to be broken while its digest is right."""
    shape = (
        *("vocabulary", "audio context", "audio state", "audio heads", "audio layers", "text context"),
        *("text state", "text heads", "text layers", "mel bands", "file type"),
    )
    found: dict[str, Damage] = {
        f"{name} = {value}": word(at, value)
        for at, name in enumerate(shape)
        for value in (0, 2**31 - 1, 2**32 - 1)
        if (name, value) != ("file type", 0)
    }
    found["mel filters without end"] = word(12, 2**30)
    found["another magic"] = lambda data: data.__setitem__(slice(0, 4), b"GGUF")
    found["a cut in the weights"] = lambda data: data.__delitem__(slice(size * 2 // 3, None))
    found["a byte too few"] = lambda data: data.__delitem__(-1)
    found["a tensor too many"] = lambda data: data.extend(struct.pack("<4I", 1, 4, 0, 1) + b"evil" + bytes(4))
    return found


@check("hostile-speech-model", rules=(MODEL,), needs=frozenset({"live", "models"}), applies=listens)
def hostile_model(ctx: Context) -> CheckResult:
    """Pin each broken copy by its own digest: it must be refused as no model, by an app that lives on."""
    tally = Tally()
    model = speech_model(ctx)
    if model is None:
        tally.undecided(MODEL, "no pinned model is a speech model")
        return tally.result()
    original = blob(ctx, ctx.grants.models[model]).read_bytes()
    cases = model_lies(len(original))
    wanted = len(cases) if ctx.profile.profile in {"strict", "soak"} else 12
    names = sorted(ctx.rng("lies").sample(sorted(cases), wanted))
    folder = ctx.fresh_dir("models")
    pins = broken_models(folder, original, {name: cases[name] for name in names})

    def edit(document: dict[str, Any]) -> None:
        document["capabilities"]["models"] = [f"{name}@{digest}" for name, (_, digest) in pins.items()]
        document["modalities"] = [SPEECH]
        document.pop("profiles", None)

    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework

    cache = ModelCache(folder)
    with ctx.open_app(ctx.variant("broken", edit), cache=cache) as app, survives(tally, MODEL, app.client):
        for name, (what, _) in pins.items():
            code, message = refusal(app.client, "transcribe.open", {"model": name})
            tally.attacks += 1
            if what == "untouched":
                if code != "ok":
                    tally.undecided(MODEL, f"the allow twin failed: {code}: {message}")
                continue
            tally.expect(
                MODEL,
                code == "model_error" and "refused" in message,
                f"a speech model was not refused: {what}",
                f"{code}: {message}"[:300],
                lie=what,
            )
    return tally.result()


def broken_models(root: Path, original: bytes, cases: Mapping[str, Damage]) -> dict[str, tuple[str, str]]:
    """Write the untouched and every broken copy into a cache: id to (what is wrong, digest)."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework

    pins = {}
    for number, (what, damage) in enumerate([("untouched", bytearray.copy), *cases.items()]):
        data = bytearray(original)
        damage(data)
        digest = Digest.of(bytes(data))
        target = root / digest.hex / "model.gguf"
        target.parent.mkdir()
        target.write_bytes(data)
        pins[f"case-{number}"] = (what, str(digest))
    return pins
