"""Transcribe's own modules, on real sound, against the real sandboxed runtime and the real models."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from .conftest import APP, AUDIO, ROOT, Drive, plug_in, results, speak

MEETING: dict[str, Any] = next(
    one for one in json.loads((AUDIO / "samples.json").read_text()) if one["file"] == "s6-meeting.wav"
)
SAID = [part["text"] for part in MEETING["reference"]]


def files_holding(folder: Path, needle: bytes) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_a_meeting_from_its_file_to_a_corrected_transcript_on_the_disk(drive: Drive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "s6-meeting.srt").write_text("somebody's own")
    picks = [AUDIO / "s6-meeting.wav", *[out] * 3]
    heard, before, *_, found, notes, srt, vtt, text, after = results(
        drive(
            ["hear"],
            ["whole", 1],
            ["speaker", 5, "Laura"],
            ["speaker", 1, "Somebody"],
            ["renameSpeaker", 1, "Somebody", "Tom"],
            ["correct", 3, "Sales went up by 30 percent in May."],
            ["search", "30 perc"],
            ["notes", 1],
            ["save", 1, "srt"],
            ["save", 1, "vtt"],
            ["save", 1, "json"],
            ["whole", 1],
            picks=picks,
        )
    )
    (recording,) = heard["heard"]
    assert (recording["name"], recording["state"], recording["sound"]) == ("s6-meeting", "whole", 0)
    assert abs(recording["duration"] - MEETING["seconds"]) < 0.1
    segments = before["segments"]
    assert [segment["text"] for segment in segments] == SAID
    assert heard["events"] == [[one["start"], one["finish"], one["text"]] for one in segments]
    for segment, true in zip(segments, MEETING["reference"], strict=True):
        assert abs(segment["start"] - true["start"]) < 0.3
    assert [(hit["segment"], hit["text"]) for hit in found] == [(3, "Sales went up by 30 percent in May.")]
    assert {note["kind"] for note in notes} == {"summary", "action"}
    actions = [note["segment"] for note in notes if note["kind"] == "action"]
    assert actions == [5, 6], "what was promised and asked for, where it was said; a question is neither"
    assert (srt, vtt, text) == ("s6-meeting 2.srt", "s6-meeting.vtt", "s6-meeting.json")
    assert (out / "s6-meeting.srt").read_text() == "somebody's own"
    lines = (out / srt).read_text().split("\n\n")
    assert lines[0].split("\n")[2] == f"Tom: {SAID[0]}"
    assert lines[2].split("\n")[2] == "Sales went up by 30 percent in May."
    assert (out / vtt).read_text().count("-->") == len(SAID)
    assert json.loads((out / text).read_text())["segments"][4]["speaker"] == "Laura"
    assert after["segments"][2]["heard"] == SAID[2], "what was heard is kept beside what it was made"


def test_what_the_media_engine_decoded_is_heard_as_its_file_is(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_text(str(AUDIO / "s4-decision.wav"))
    heard, whole = results(drive(["hear"], ["whole", 1], picks=[tmp_path / "talk.mp4"]))
    texts = [segment["text"] for segment in whole["segments"]]
    assert texts == [
        "We decided to move the launch to Tuesday.",
        "Peter will update the project schedule next week.",
    ]
    assert [event[2] for event in heard["events"]] == texts


def test_delete_takes_words_and_sound_off_the_disk(drive: Drive, tmp_path: Path) -> None:
    picks = [AUDIO / "s1-action.wav", AUDIO / "s2-number.wav"]
    results(drive(["hear"], ["hear"], ["notes", 1], picks=picks))
    needle = b"Maria will send"
    assert files_holding(tmp_path / "data", needle), "the control: before, the words are on the disk"
    _, found, kept = results(drive(["remove", 1], ["search", "Maria"], ["all"]))
    assert (found, [one["name"] for one in kept]) == ([], ["s2-number"])
    assert files_holding(tmp_path / "data", needle) == []
    assert files_holding(tmp_path / "data", b"forty five thousand"), "the other one is still there"


def test_the_microphone_is_heard_its_sound_kept_and_taken_away(
    drive: Drive, sound: dict[str, str], tmp_path: Path
) -> None:
    fifo, out = tmp_path / "mic.fifo", tmp_path / "out"
    out.mkdir()
    plug_in(sound, fifo)
    spoken = (AUDIO / "s4-decision.wav").read_bytes()[44:]
    threading.Thread(target=speak, args=(sound, fifo, spoken), daemon=True).start()
    session = {name: sound[name] for name in ("PULSE_SERVER", "XDG_RUNTIME_DIR")}
    recorded, whole, _, saved, _ = results(
        drive(["record", 9], ["whole", 1], ["search", "launch"], ["save", 1, "wav"], ["remove", 1],
              picks=[out], environ=session)
    )  # fmt: skip
    assert recorded["loudest"] > 0.5
    assert (recorded["recording"]["origin"], recorded["recording"]["state"]) == ("microphone", "whole")
    assert "We decided to move the launch to Tuesday." in [one["text"] for one in whole["segments"]]
    wav = (out / saved).read_bytes()
    assert spoken[64_000:128_000] in wav, "the sound itself, sample for sample"
    assert not list((tmp_path / "data").rglob("*.pcm"))


@pytest.mark.parametrize(
    ("key", "step", "fix"),
    [
        ("fs.user-selected", ["hear"], '"fs.user-selected": "read"'),
        ("device.microphone", ["record", 1], '"device.microphone": true'),
        ("models", ["hear"], "locara-tiny-whisper@sha256:"),
    ],
)
def test_without_a_grant_its_own_step_stops_with_the_line_that_is_missing(
    key: str, step: list[Any], fix: str, drive: Drive, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules", "build", "src", "test*"))
    manifest = json.loads((app / "locara.json").read_text())
    if key == "models":
        manifest["capabilities"]["models"].pop(0)
        manifest["modalities"].remove("speech-to-text")
    else:
        manifest["capabilities"].pop(key)
    (app / "locara.json").write_text(json.dumps(manifest, indent=2))
    last = drive(step, app=app, picks=[AUDIO / "s1-action.wav"])[-1]
    assert last["error"]["name"] == "CapabilityDenied", last
    assert fix in last["error"]["fix"] or key == "models"


def test_the_build_gives_the_same_bytes_twice_and_from_another_place(node: str, tmp_path: Path) -> None:
    def built(app: Path) -> dict[str, bytes]:
        done = subprocess.run([node, "build.mjs"], cwd=app, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        dist = app / "dist"
        return {
            str(one.relative_to(dist)): one.read_bytes() for one in sorted(dist.rglob("*")) if one.is_file()
        }

    trees = []
    for name in ("one", "another/place"):
        app = tmp_path / name
        shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules", "build", "dist"))
        (app / "node_modules").symlink_to(APP / "node_modules")
        trees.append(built(app))
    assert trees[0] == trees[1]
    assert trees[0].keys() >= {"index.html", "main.js", "style.css", "icon.png"}
    assert str(ROOT).encode() not in b"".join(trees[0].values())
