"""Speech to text through the whole runtime, in its sandbox: files, streams, cancelling, and hostile sound."""

from __future__ import annotations

import base64
import json
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from locara.core.digest import Digest
from locara.errors import CallError, CapabilityDenied
from locara.models.cache import ModelCache, default_root

FIXTURES = Path(__file__).parents[3] / "fixtures"
MODELS = {m["id"]: m for m in json.loads((FIXTURES / "models/models.json").read_text())["models"]}
SPEECH, CHAT = "locara-tiny-whisper", "locara-tiny-chat"
SAMPLES = json.loads((FIXTURES / "audio/samples.json").read_text())


def pin(name: str) -> str:
    return f"{name}@{MODELS[name]['digest']}"


def texts(sample: dict) -> list[str]:
    return [sentence["text"] for sentence in sample["reference"]]


@pytest.fixture
def app(write_app, start_app, home):
    folder = write_app(
        {"models": [pin(SPEECH), pin(CHAT)], "fs.app-data": "read-write"},
        modalities=["speech-to-text", "text-to-text"],
    )
    app = start_app(folder, cache=ModelCache(default_root()))
    for sound in (FIXTURES / "audio").glob("*.wav"):
        put(app, sound.name, sound.read_bytes())
    return app


def wav(samples: bytes, rate: int = 16_000) -> bytes:
    description = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    data = struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + description + b"data" + data


def put(app, name: str, data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    app.client.call("fs.write", {"root": "$APP_DATA", "path": name, "data": encoded, "mode": "create"})


def hear(app, name: str, **more) -> dict:
    return app.client.call(
        "transcribe.fromFile", {"model": SPEECH, "root": "$APP_DATA", "path": name, **more}
    )


def test_every_recording_comes_out_word_for_word_and_on_time(app) -> None:
    for sample in SAMPLES:
        found = hear(app, sample["file"])
        assert [segment["text"] for segment in found["segments"]] == texts(sample)
        for segment, said in zip(found["segments"], sample["reference"], strict=True):
            assert abs(segment["start"] - said["start"]) < 0.3
            assert 0 <= segment["start"] <= segment["end"] <= found["duration"] + 0.01
        assert found["duration"] == pytest.approx(sample["seconds"], abs=0.001)
        assert (found["finishReason"], found["language"]) == ("stop", "en")
        assert found["usage"]["outputTokens"] > 0


def at_rate(name: str, rate: int) -> bytes:
    """A recording at another rate, by its whole spectrum: what the new rate can hold, and nothing else."""
    with wave.open(str(FIXTURES / "audio" / name)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float64)
        count = round(len(samples) * rate / sound.getframerate())
    spectrum, found = np.fft.rfft(samples), np.zeros(count // 2 + 1, complex)
    kept = min(len(spectrum), len(found))
    found[:kept] = spectrum[:kept]
    made = np.fft.irfft(found, count) * (count / len(samples))
    return wav(np.clip(np.round(made), -32_768, 32_767).astype("<i2").tobytes(), rate)


def test_every_rate_that_holds_the_whole_voice_gives_the_same_words(app) -> None:
    for rate in (22_050, 44_100, 48_000):
        for sample in SAMPLES[:2]:
            name = f"{rate}-{sample['file']}"
            put(app, name, at_rate(sample["file"], rate))
            found = hear(app, name)
            assert [segment["text"] for segment in found["segments"]] == texts(sample), rate
            assert found["duration"] == pytest.approx(sample["seconds"], abs=0.001)


def test_sound_of_two_pieces_has_all_its_sentences_at_their_times(app) -> None:
    samples = (FIXTURES / "audio/s6-meeting.wav").read_bytes()[44:]
    put(app, "twice.wav", wav(samples * 2))
    meeting = next(sample for sample in SAMPLES if sample["file"] == "s6-meeting.wav")
    found = hear(app, "twice.wav")
    assert [segment["text"] for segment in found["segments"]] == texts(meeting) * 2
    starts = [said["start"] + at for at in (0, meeting["seconds"]) for said in meeting["reference"]]
    for segment, start in zip(found["segments"], starts, strict=True):
        assert abs(segment["start"] - start) < 0.4


def test_segments_stream_and_a_chat_model_answers_beside(app) -> None:
    meeting = next(sample for sample in SAMPLES if sample["file"] == "s6-meeting.wav")
    stream = app.client.stream(
        "transcribe.fromFile",
        {
            "model": pin(SPEECH),
            "root": "$APP_DATA",
            "path": "s6-meeting.wav",
            "stream": True,
            "language": "en",
        },
    )
    first = next(stream)
    ask = [{"role": "user", "content": "What is the capital of France?"}]
    assert app.client.call("llm.chat", {"model": CHAT, "messages": ask, "maxTokens": 8})["content"]
    events = [first, *stream]
    assert [event["text"] for event in events] == texts(meeting)
    assert [{**event, "type": "segment"} for event in stream.result["segments"]] == events


def test_sound_that_is_pushed_gives_the_same_words(app) -> None:
    call = app.client.call
    with wave.open(str(FIXTURES / "audio/s6-meeting.wav")) as sound:
        data = sound.readframes(sound.getnframes())
    name = call("transcribe.open", {"model": SPEECH})["stream"]
    came = []
    for at in range(0, len(data), 64_000):
        part = base64.b64encode(data[at : at + 64_000]).decode()
        came += call("transcribe.push", {"stream": name, "data": part})["segments"]
    assert came, "the first sentences come before the end"
    whole = call("transcribe.close", {"stream": name})
    assert came + whole["last"] == whole["segments"]
    meeting = next(sample for sample in SAMPLES if sample["file"] == "s6-meeting.wav")
    assert [segment["text"] for segment in whole["segments"]] == texts(meeting)
    with pytest.raises(CallError) as over:
        call("transcribe.push", {"stream": name, "data": ""})
    assert over.value.code == "not_found"


def test_cancelling_ends_the_work_and_the_model_hears_on(app) -> None:
    one = (FIXTURES / "audio/s6-meeting.wav").read_bytes()[44:]
    put(app, "long.wav", wav(6 * one))
    args = {"model": SPEECH, "root": "$APP_DATA", "path": "long.wav", "stream": True}
    stream = app.client.stream("transcribe.fromFile", args)
    next(stream)
    stream.cancel()
    list(stream)
    assert stream.result["finishReason"] == "cancelled"
    assert 0 < len(stream.result["segments"]) < 36
    assert hear(app, "s1-action.wav")["text"] == texts(SAMPLES[0])[0]


def test_streams_are_few_and_end_with_their_close(app) -> None:
    call = app.client.call
    names = [call("transcribe.open", {"model": SPEECH})["stream"] for _ in range(4)]
    assert len(set(names)) == 4
    with pytest.raises(CallError) as fifth:
        call("transcribe.open", {"model": SPEECH})
    assert fifth.value.code == "busy"
    assert call("transcribe.close", {"stream": names[0]})["segments"] == []
    assert call("transcribe.open", {"model": SPEECH})["stream"] not in names


REFUSED = [
    ({"language": "de"}, "bad_request"),
    ({"language": "EN"}, "bad_request"),
    ({"path": "absent.wav"}, "not_found"),
    ({"path": "notes.txt"}, "bad_request"),
    ({"path": "$(touch x).wav"}, "not_found"),
    ({"model": CHAT}, "model_error"),
    ({"more": 1}, "bad_request"),
]


def test_what_is_no_speech_is_refused_and_the_app_lives_on(app) -> None:
    put(app, "notes.txt", b"RIFF and nothing else")
    plain = {"model": SPEECH, "root": "$APP_DATA", "path": "s1-action.wav"}
    for args, code in REFUSED:
        with pytest.raises(CallError) as caught:
            app.client.call("transcribe.fromFile", {**plain, **args})
        assert caught.value.code == code, args
    assert hear(app, "s1-action.wav")["text"] == texts(SAMPLES[0])[0]


def test_a_file_or_a_model_that_is_not_granted_is_denied_with_its_line(app) -> None:
    with pytest.raises(CapabilityDenied) as file:
        app.client.call(
            "transcribe.fromFile", {"model": SPEECH, "root": "$DOCUMENTS", "path": "s1-action.wav"}
        )
    assert file.value.fix == '"fs.user-paths": {"documents": "read"}'
    with pytest.raises(CapabilityDenied) as model:
        hear(app, "s1-action.wav", model="ggml-base.en")
    assert model.value.capability == "models"
    with pytest.raises(CapabilityDenied):
        app.client.call("transcribe.open", {"model": "ggml-base.en"})


def test_without_the_modality_the_commands_do_not_exist(reader) -> None:
    for name in ("fromFile", "open", "push", "close"):
        with pytest.raises(CallError) as caught:
            reader.client.call(f"transcribe.{name}", {})
        assert caught.value.code == "unknown_command"
        assert '"speech-to-text"' in (caught.value.fix or "")


def test_changed_bytes_of_a_speech_model_are_refused_at_load(write_app, start_app, tmp_path) -> None:
    digest = Digest.parse(MODELS[SPEECH]["digest"])
    blob = ModelCache(default_root()).blob(digest)
    assert blob is not None
    own = tmp_path / "cache" / digest.hex
    own.mkdir(parents=True)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    (own / "model.gguf").write_bytes(content)
    folder = write_app({"models": [pin(SPEECH)]}, modalities=["speech-to-text"])
    app = start_app(folder, cache=ModelCache(tmp_path / "cache"))
    with pytest.raises(CallError) as caught:
        app.client.call("transcribe.open", {"model": SPEECH})
    assert caught.value.code == "model_error"
    assert "digest" in caught.value.message
