"""Files dragged out of another program onto a window: handles for the app, nothing for the page, and no drop made up."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

import locara.ui
from locara.ui.plan import PYTHON, Look

from .conftest import ROOT, Opened
from .peer import Peer, show, write_page
from .screen import Screen

APP = ROOT / "apps" / "docvault"
HOLD = (60, 60)
"""Where the program of files can be taken hold of: it lies in the corner of the screen, above all others."""
MIDDLE = (640, 450)

_LISTEN = """
for (const name of ["dragenter", "dragover", "drop"]) addEventListener(name, (event) => {
  if (%s) event.preventDefault();
  const { dataTransfer: data } = event;
  const texts = [...data.types].map((type) => data.getData(type));
  call(name, { types: [...data.types], texts, files: [...data.files].map(({ name }) => name), items: data.items.length });
});
call("ready");
"""


@contextmanager
def files(screen: Screen, *paths: Path) -> Iterator[None]:
    """Another program, from which these can be dragged; it says them in three ways, as file managers do."""
    uris = "".join(f"{path.as_uri()}\r\n" for path in paths)
    names = "\n".join(map(str, paths))
    with offered(screen, {"text/uri-list": uris, "text/plain": names, "text/html": f"<b>{names}</b>"}):
        yield


@contextmanager
def offered(screen: Screen, forms: dict[str, str]) -> Iterator[None]:
    words = [word for form in forms.items() for word in form]
    source = subprocess.Popen(
        [PYTHON, Path(__file__).with_name("drag_source.py"), *words],
        env=screen.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert source.stdout is not None
        assert source.stdout.readline().strip() == "ready"
        time.sleep(0.5)  # until it is drawn
        yield
    finally:
        source.kill()
        source.wait(30)


def drops(peer: Peer) -> list[tuple[str, ...]]:
    return [report.uris for report in peer.reports if report.event == "dropped"]


def ready(peer: Peer) -> None:
    peer.wait_frame("ready")
    peer.wait_report("loaded")
    time.sleep(1)  # until it is drawn where it stays


@pytest.mark.parametrize(
    ("host", "prevents"),
    [("webkit", True), ("webkit", False), ("pywebview", True)],
    ids=["taken", "left to the engine", "pywebview"],
)
def test_a_page_hears_that_something_was_dropped_and_not_what(
    screen: Screen, tmp_path: Path, host: Literal["webkit", "pywebview"], prevents: bool
) -> None:
    one, two = tmp_path / "a diary.txt", tmp_path / "b.txt"
    for path in (one, two):
        path.write_text("a canary")
    script = _LISTEN % ("true" if prevents else "event.type !== 'drop'")
    page, look = write_page(tmp_path / "page", script), Look("A page", "index.html", host=host)
    with show(screen, page, look=look) as (peer, _), files(screen, one, two):
        ready(peer)
        screen.drag(HOLD, MIDDLE)
        peer.wait_frame("drop")
        assert peer.wait_report("dropped").uris == (one.as_uri(), two.as_uri())
        heard = [frame["args"] for frame in peer.frames if frame["cmd"] != "ready"]
        assert all("text/uri-list" in args["types"] for args in heard)
        told = repr(heard)
        for part in (str(tmp_path), "diary", "b.txt", "canary", "file:"):
            assert part not in told
        assert [args["files"] for args in heard] == [[]] * len(heard)
        time.sleep(1)
        assert peer.commands().count("ready") == 1, "nothing was gone to"
        assert drops(peer) == [(one.as_uri(), two.as_uri())]


def test_text_is_dragged_into_a_page_as_before(screen: Screen, tmp_path: Path) -> None:
    """The twin: what names no file is the page's."""
    page = write_page(tmp_path / "page", _LISTEN % "true")
    with show(screen, page) as (peer, _), offered(screen, {"text/plain": "some words"}):
        ready(peer)
        screen.drag(HOLD, MIDDLE)
        assert "some words" in peer.wait_frame("drop")["args"]["texts"]
        assert drops(peer) == []


def test_a_page_that_makes_a_drop_up_drops_nothing(screen: Screen, tmp_path: Path) -> None:
    """By events of its own, and by a thing of its own that the person drags, which names any file it likes."""
    secret = tmp_path / "secret.txt"
    secret.write_text("a canary")
    own = f"""
      const data = new DataTransfer();
      data.setData("text/uri-list", "{secret.as_uri()}");
      for (const name of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(name, {{ bubbles: true, cancelable: true, dataTransfer: data }}));
      document.addEventListener("dragstart", (event) => {{
        event.dataTransfer.setData("text/uri-list", "{secret.as_uri()}");
        event.dataTransfer.setData("text/plain", "{secret}");
        call("taken");
      }});
    """
    style = "style.css"
    body = f"<link rel=stylesheet href={style}><div id=bait draggable=true>drag me</div>"
    page = write_page(tmp_path / "page", own + _LISTEN % "true", body)
    (page / style).write_text(
        "html, body { margin: 0; height: 100% } #bait { width: 50%; height: 100%; background: #cde }"
    )
    with show(screen, page) as (peer, _):
        ready(peer)
        screen.drag((MIDDLE[0] - 200, MIDDLE[1]), (MIDDLE[0] + 300, MIDDLE[1]))
        peer.wait_frame("taken")
        peer.wait_frame("drop")
        time.sleep(1)
        assert drops(peer) == []


def test_docvault_adds_what_is_dropped_when_the_person_says_so(
    screen: Screen, run_app: Callable[..., Opened], tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    (folder / "more").mkdir(parents=True)
    for name, place in (("project-notes.md", folder), ("meeting-minutes.txt", folder / "more")):
        shutil.copy(ROOT / "fixtures" / "documents" / name, place)
    opened = run_app(APP)
    screen.click("Agree and open")
    screen.wait_for("models on this machine", "No network")
    with files(screen, folder / "project-notes.md", folder / "more"):
        screen.drag(HOLD, MIDDLE)
        screen.wait_for("things that you dropped")
        screen.shoot("1-asked")
        screen.click("Cancel")
        screen.wait_for("Nothing here yet")
        time.sleep(1)
        assert "project-notes.md" not in _seen(screen)
        screen.drag(HOLD, MIDDLE)
        screen.click("Hand over")
        screen.wait_for("project-notes.md")
        screen.wait_for("minutes.txt", "more/meeting-minutes.txt", "meeting-minutes.txt")
        screen.shoot("2-added")
    screen.key("ctrl+w")
    assert opened.end() == 0


_LABELS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from drop_dialog import _list_of
def walk(widget):
    found = [widget.get_text()] if hasattr(widget, "get_text") else []
    widget.forall(lambda child: found.extend(walk(child))) if hasattr(widget, "forall") else None
    return found
box = _list_of(json.load(sys.stdin))
box.show_all()
print(json.dumps({"texts": walk(box), "height": box.get_preferred_height()[1]}))
"""


def test_the_dialog_names_every_file_whole_and_stays_on_the_screen(screen: Screen) -> None:
    paths = [f"/folder/{number}/" + "name-" * 300 for number in range(256)]
    done = subprocess.run(
        [PYTHON, "-I", "-c", _LABELS, str(Path(locara.ui.__file__).parent / "webkit")],
        env=screen.environ, input=json.dumps(paths), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["texts"] == paths
    assert told["height"] < 400


def _seen(screen: Screen) -> set[str]:
    picture = screen.shoot("now")
    return {word.text for words in screen.readings(picture, 3.0) for word in words}
