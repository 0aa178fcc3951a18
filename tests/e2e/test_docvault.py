"""A person opens DocVault for the first time, adds documents, asks, and follows the citation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw

from .conftest import ROOT, Opened
from .screen import Screen

APP = ROOT / "apps" / "docvault"
DOCUMENTS = ("team-handbook.pdf", "project-notes.md", "meeting-minutes.txt")


def test_from_the_first_question_of_the_launcher_to_the_cited_page(
    screen: Screen, run_app: Callable[..., Opened], tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in DOCUMENTS:
        shutil.copy(ROOT / "fixtures" / "documents" / name, folder)
    opened = run_app(APP)
    _agree(screen, opened)
    _import(screen, folder)
    _ask(screen, opened)
    _come_back_at_night(screen, run_app)


def _come_back_at_night(screen: Screen, run_app: Callable[..., Opened]) -> None:
    """The same data, on a dark desktop: nothing is asked again, and the page is dark as the window is."""
    light = screen.brightness(screen.pictures / "5-answer.png")
    opened = run_app(APP, desktop={"GTK_THEME": "Adwaita:dark"})
    screen.wait_for("project-notes.md")
    dark = screen.brightness(screen.shoot("7-dark"))
    assert dark < 0.25, (light, dark)
    screen.key("ctrl+w")
    assert opened.end() == 0


def _agree(screen: Screen, opened: Opened) -> None:
    screen.wait_for("use the network")
    screen.shoot("1-consent")
    assert not list(opened.base.glob("data/**/app.sqlite3")), "nothing of the app runs before the answer"
    screen.click("Agree and open")
    screen.wait_for("models on this machine", "No network")  # said last, when the page is ready
    screen.shoot("2-empty")


def _import(screen: Screen, folder: Path) -> None:
    screen.click("Add a folder")
    screen.pick(folder)
    screen.wait_for("team-handbook.pdf")
    screen.wait_for("project-notes.md")
    screen.shoot("4-imported")


def _ask(screen: Screen, opened: Opened) -> None:
    screen.click("Ask or search")
    screen.type("What is the budget of project Orion?")
    screen.key("Return")
    screen.wait_for("4200 euros")
    screen.wait_for("page 1")
    screen.shoot("5-answer")
    screen.click("page 1")
    screen.wait_for("as DocVault read it")
    screen.wait_for(
        "owner of project Orion"
    )  # another sentence of the cited page: it is the page that is shown
    screen.shoot("6-cited-page")
    screen.key("Escape")
    store = next(opened.base.glob("data/**/app.sqlite3"))
    names = {
        row[0]
        for row in apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY).execute(
            "select name from documents"
        )
    }
    assert names == set(DOCUMENTS)
    log = next(opened.base.glob("data/**/log.jsonl")).read_text().splitlines()
    used = {json.loads(line)["cmd"] for line in log}
    assert {"fs.pick", "llm.chat", "embed.create"} <= used, (
        "what was seen on the screen went through the gate"
    )
    screen.key("ctrl+w")
    assert opened.end() == 0
