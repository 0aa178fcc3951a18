"""Pictures, PDF files and speech through the whole runtime: results, denials with reasons, cancelling, the log."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest

from locara.errors import CallError, CapabilityDenied
from locara.runtime.launch import RunningApp
from locara.sandbox.picker import ScriptedPicker

PICTURES = Path(__file__).parents[3] / "fixtures/pictures"
EXPECTED = json.loads((PICTURES / "expected.json").read_text())
SKILLS = ["image-to-text", "text-to-speech"]


@pytest.fixture
def app(write_app, start_app) -> RunningApp:
    return start_app(write_app({"fs.app-data": "read-write"}, modalities=SKILLS))


def put(app: RunningApp, name: str) -> dict[str, str]:
    data = base64.b64encode((PICTURES / name).read_bytes()).decode()
    app.client.call("fs.write", {"root": "$APP_DATA", "path": name, "data": data, "mode": "replace"})
    return {"root": "$APP_DATA", "path": name}


def refusal(app: RunningApp, cmd: str, args: dict) -> CallError | CapabilityDenied:
    with pytest.raises((CallError, CapabilityDenied)) as caught:
        app.client.call(cmd, args)
    return caught.value


def programs() -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"tesseract\0stdin" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def until(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_pages_words_and_boxes(app: RunningApp) -> None:
    read = app.client.call("ocr.fromFile", put(app, "pages.tif"))
    assert [page["page"] for page in read["pages"]] == [1, 2]
    assert read["text"].split() == [
        word for key in ("lines", "second") for word in " ".join(EXPECTED[key]).split()
    ]
    first = read["pages"][0]
    harbour = next(word for word in first["words"] if word["text"] == "harbour")
    assert (first["width"], first["height"], harbour["line"]) == (900, 420, 1)
    assert 100 < harbour["x"] < 200 and 40 < harbour["y"] < 80, "where it was drawn"
    assert harbour["confidence"] > 0.5


def test_a_picked_file_is_read_and_the_log_names_each_use(write_app, start_app) -> None:
    person = ScriptedPicker([[PICTURES / "page.png"]])
    app = start_app(
        write_app({"fs.user-selected": "read", "fs.app-data": False}, tooling=["ocr", "audio.synthesize"]),
        picker=person,
    )
    (picked,) = app.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"]
    place = {"root": picked["handle"], "path": ""}
    assert "harbour office" in app.client.call("ocr.fromFile", place)["text"]
    app.client.call("tts.speak", {"text": "Done."})
    error = refusal(app, "ocr.fromFile", {"root": "$APP_DATA", "path": "a.png"})
    assert (error.code, error.fix) == ("capability_denied", '"fs.app-data": "read"')
    entries = app.client.call("audit.capabilityLog", {"limit": 10})["entries"]
    told = {(entry["cmd"], entry["capability"], entry["allowed"]) for entry in entries}
    assert ("ocr.fromFile", "fs.user-selected", True) in told
    assert ("ocr.fromFile", "fs.app-data", False) in told
    assert ("tts.speak", "modalities", True) in told


@pytest.mark.parametrize("cmd", ["vlm.describe", "image.generate", "voice.talk"])
def test_what_this_version_cannot_do_is_refused_by_name(app: RunningApp, cmd: str) -> None:
    error = refusal(app, cmd, {})
    assert error.code == "unknown_command"
    assert (error.because or "").startswith("this version has no backend")


def test_a_cancelled_call_stops_its_program_and_the_next_is_answered(app: RunningApp) -> None:
    before = programs()
    data = base64.b64encode((PICTURES / "scan.png").read_bytes()).decode()
    for _ in range(3):
        waiting = app.client.send("ocr.fromBytes", {"data": data})
        until(lambda: programs() - before)
        app.client.cancel(waiting)
        with pytest.raises(CallError) as caught:
            app.client.wait(waiting)
        assert caught.value.code == "cancelled"
        until(lambda: not programs() - before)
    assert "harbour" in app.client.call("ocr.fromBytes", {"data": data})["text"]


def test_the_app_that_ends_takes_its_programs_with_it(app: RunningApp) -> None:
    before = programs()
    data = base64.b64encode((PICTURES / "scan.png").read_bytes()).decode()
    app.client.send("ocr.fromBytes", {"data": data})
    until(lambda: programs() - before)
    app.kill()
    until(lambda: not programs() - before)


def test_sizes_are_told_before_anything_is_started(app: RunningApp) -> None:
    assert refusal(app, "pdf.text", {**put(app, "text.pdf"), "first": 3}).code == "not_found"
    assert refusal(app, "pdf.render", {**put(app, "text.pdf"), "page": 1, "dpi": 601}).code == "bad_request"
    assert refusal(app, "pdf.text", put(app, "page.png")).code == "bad_request"
    assert refusal(app, "tts.speak", {"text": "a" * 4001}).code == "bad_request"
    missing = refusal(app, "ocr.fromBytes", {"data": "AAAA", "languages": ["eng", "xyz"]})
    assert missing.code == "bad_request", "no picture, whatever the language"
    picture = base64.b64encode((PICTURES / "page.png").read_bytes()).decode()
    unknown = refusal(app, "ocr.fromBytes", {"data": picture, "languages": ["eng", "xyz"]})
    assert (unknown.code, unknown.fix) == ("not_found", "Debian, Ubuntu: apt install tesseract-ocr-xyz")
