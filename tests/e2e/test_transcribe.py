"""A person opens Transcribe, has a meeting written down, corrects it, and takes it along as subtitles."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.desktop.conftest import sound  # noqa: F401 - a fixture
from tests.integration.transcribe.conftest import plug_in, speak

from .conftest import ROOT, Opened
from .film import write_film
from .screen import Screen

APP = ROOT / "apps" / "transcribe"
MEETING = ROOT / "fixtures" / "audio" / "s6-meeting.wav"
DECISION = ROOT / "fixtures" / "audio" / "s4-decision.wav"


def test_from_a_recording_to_its_subtitles(
    screen: Screen, run_app: Callable[..., Opened], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(MEETING, tmp_path / "monday.wav")
    opened = run_app(APP)
    screen.wait_for("use the network")
    screen.shoot("1-consent")
    screen.click("Agree and open")
    screen.wait_for("What was said")
    screen.wait_for("models on this machine")
    screen.shoot("2-empty")

    screen.key("o")
    screen.pick(tmp_path / "monday.wav")
    screen.wait_for("send the meeting notes tomorrow")
    screen.wait_for("Summary and action items")
    screen.shoot("3-transcript")

    _correct(screen)
    screen.key("s")
    screen.wait_for("Check it against the transcript", "made on this computer")
    screen.shoot("4-notes")

    screen.click("srt")
    screen.pick(out)
    _until_there(out / "monday.srt")
    screen.shoot("5-saved")
    _check(out / "monday.srt")

    screen.key("slash")
    screen.type("marketing sli")
    screen.wait_for("monday 0:07")  # the moment it was said, in the list of what was found
    screen.shoot("6-search")
    screen.key("ctrl+w")
    assert opened.end() == 0


def _correct(screen: Screen) -> None:
    """Type over the words of the first moment, by the keyboard."""
    screen.click("Good morning everyone")
    screen.key("ctrl+a")
    screen.type("Good morning, team.")
    screen.key("Return")
    screen.wait_for("Good morning team")


def _until_there(path: Path) -> None:
    end = time.monotonic() + 60
    while not (path.is_file() and path.read_bytes().endswith(b"\n\n")):
        assert time.monotonic() < end, f"{path.name} was not written"
        time.sleep(0.2)


def _check(path: Path) -> None:
    parts = [part.split("\n") for part in path.read_text("utf-8").strip().split("\n\n")]
    assert [part[0] for part in parts] == [str(n) for n in range(1, 7)]
    assert parts[0][2] == "Good morning, team."
    assert parts[4][2] == "Laura will prepare the marketing slides by Thursday."
    assert parts[4][1].startswith("00:00:10,")


def test_a_meeting_is_recorded_and_a_film_is_heard(
    screen: Screen,
    run_app: Callable[..., Opened],
    sound: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    """The microphone, as PulseAudio has one, through the real window; then what only the media engine can read."""
    out = tmp_path / "out"
    out.mkdir()
    session = {name: sound[name] for name in ("PULSE_SERVER", "XDG_RUNTIME_DIR")}
    opened = run_app(APP, "--accept-consent", desktop=session)
    screen.wait_for("What was said")
    fifo, spoken = tmp_path / "mic.fifo", DECISION.read_bytes()[44:]
    plug_in(sound, fifo)
    threading.Thread(target=speak, args=(sound, fifo, spoken), daemon=True).start()
    screen.key("r")
    screen.wait_for("We decided to move")
    screen.shoot("1-recording")
    screen.click("Stop")
    screen.wait_for("from the microphone")
    screen.click("Who")
    screen.type("Peter")
    screen.key("Tab")
    screen.wait_for("Peter")
    screen.click("wav")
    screen.pick(out)
    wav = _until_written(out, ".wav")
    assert spoken[64_000:128_000] in wav, "the sound itself, sample for sample"
    screen.click("json")
    screen.pick(out)
    told = json.loads(_until_written(out, ".json"))
    assert (told["origin"], told["segments"][0]["speaker"]) == ("microphone", "Peter")
    assert told["segments"][0]["text"] == "We decided to move the launch to Tuesday."
    screen.shoot("2-recorded")

    write_film(tmp_path / "film.avi", MEETING)
    screen.key("o")
    screen.pick(tmp_path / "film.avi")
    screen.wait_for("send the meeting notes tomorrow")
    screen.wait_for("from a file")
    screen.shoot("3-film")
    screen.key("ctrl+w")
    assert opened.end() == 0


def _until_written(folder: Path, ending: str) -> bytes:
    end = time.monotonic() + 60
    while not (found := [path for path in folder.glob(f"*{ending}") if path.stat().st_size]):
        assert time.monotonic() < end, f"no {ending} was written"
        time.sleep(0.2)
    time.sleep(1)  # it is written whole before its name is there, or in one piece
    return found[0].read_bytes()
