"""kill -9 at any point of writing: what was answered is there, what was not is whole or absent, the log holds.

Each round starts the app on what the last kill left, sends forty changes at once, waits for a random number
of answers and a random moment more, and kills the whole sandbox.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest

from locara.runtime.audit import read_entries, verify_chain
from locara.runtime.launch import RunningApp

SCHEMA = """
CREATE TABLE single(n INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE pair(n INTEGER NOT NULL, half INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE(n, half));
"""
CALLS = 40
LAST_MOMENT = 0.004  # seconds: about as long as one change of each kind takes
LONG_TEXT = "x" * 5_000  # more than a page, so that a write can be cut inside a row


@dataclass
class Known:
    """What was sent, and what of it was answered, over all rounds."""

    sent: dict[str, set[int]] = field(default_factory=lambda: {kind: set() for kind in CHANGES})
    done: dict[str, set[int]] = field(default_factory=lambda: {kind: set() for kind in CHANGES})


def change(kind: str, n: int) -> tuple[str, dict[str, Any]]:
    """The call of one numbered change."""
    if kind == "setting":
        return "settings.set", {"key": "counter", "value": {"n": n, "text": LONG_TEXT}}
    if kind == "row":
        return "db.exec", {"sql": "INSERT INTO single VALUES (?, ?)", "params": [n, LONG_TEXT]}
    if kind == "pair":
        insert = "INSERT INTO pair VALUES (?, ?, ?)"
        both = [{"sql": insert, "params": [n, half, LONG_TEXT]} for half in (1, 2)]
        return "db.batch", {"statements": both}
    return "fs.mkdir", {"root": "$APP_DATA", "path": f"f{n}"}


CHANGES = ("setting", "row", "pair", "folder")


def check(app: RunningApp, known: Known) -> None:
    """Everything that was answered is there; what was only sent is there whole or not at all."""
    call = app.client.call
    found = call("settings.get", {"key": "counter"})
    value = found["value"] or {"n": 0, "text": LONG_TEXT}
    assert value["text"] == LONG_TEXT
    assert max(known.done["setting"], default=0) <= value["n"] <= max(known.sent["setting"], default=0)
    rows = {n for (n,) in call("db.query", {"sql": "SELECT n FROM single"})["rows"]}
    assert known.done["row"] <= rows <= known.sent["row"]
    halves = Counter(n for (n,) in call("db.query", {"sql": "SELECT n FROM pair"})["rows"])
    assert set(halves.values()) <= {2}, "a batch happened in part"
    assert known.done["pair"] <= set(halves) <= known.sent["pair"]
    folders = {int(path.name[1:]) for path in app.home.files.iterdir()}
    assert known.done["folder"] <= folders <= known.sent["folder"]


def check_log(app: RunningApp, known: Known) -> None:
    """The chain of the dead app: sound but for one torn last line, and each folder has its entry."""
    state = verify_chain(app.home.audit_log)
    assert state.sound or state.torn, state.problem
    if state.sound:
        recorded = {
            int(entry["request"]["path"][1:])
            for entry in read_entries(app.home.audit_log)
            if entry["cmd"] == "fs.mkdir"
        }
        made = {int(path.name[1:]) for path in app.home.files.iterdir()}
        assert made <= recorded <= known.sent["folder"], "recorded before it happened"


def check_database(app: RunningApp, copy: Path) -> None:
    """SQLite's own check finds nothing wrong with a copy of what the dead app left."""
    shutil.copytree(app.home.database.parent, copy)
    with closing(apsw.Connection(str(copy / app.home.database.name))) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    shutil.rmtree(copy)


def one_round(app: RunningApp, known: Known, chance: random.Random, first: int) -> int:
    """Send the changes, kill somewhere among them; how many were answered."""
    calls: list[tuple[str, int, Any]] = []
    for at in range(CALLS):
        kind, n = chance.choice(CHANGES), first + at
        known.sent[kind].add(n)
        calls.append((kind, n, app.client.send(*change(kind, n))))
    answered = chance.randrange(CALLS)
    for kind, n, call_id in calls[:answered]:
        app.client.wait(call_id)
        known.done[kind].add(n)
    until = time.perf_counter() + chance.random() * LAST_MOMENT
    while time.perf_counter() < until:  # to the microsecond, which no sleep is
        continue
    app.kill()
    return answered


@pytest.mark.parametrize(
    "rounds", [pytest.param(20, id="short"), pytest.param(250, id="long", marks=pytest.mark.slow)]
)
def test_a_kill_loses_nothing_that_was_answered(write_app, start_app, tmp_path, rounds: int) -> None:
    folder = write_app({"fs.app-data": "read-write"}, schema=SCHEMA)
    chance, known = random.Random(rounds), Known()
    partly = 0
    for number in range(rounds):
        app = start_app(folder)
        check(app, known)
        one_round(app, known, chance, 1 + number * CALLS)
        check_log(app, known)
        if number < 20 or number % 10 == 0:
            check_database(app, tmp_path / "copy")
        app.close()
        names = {int(path.name[1:]) for path in app.home.files.iterdir()}
        partly += bool(known.sent["folder"] - names)
    last = start_app(folder)
    check(last, known)
    last.close()
    assert verify_chain(last.home.audit_log).sound
    starts = [
        entry["request"]["previous"]
        for entry in read_entries(last.home.audit_log)
        if entry["cmd"] == "runtime.start"
    ]
    assert starts == ["none", *["interrupted"] * rounds]
    assert partly or rounds < 100, "no kill came before the end of the work"
    print(f"{rounds} kills, {sum(map(len, known.done.values()))} of {rounds * CALLS} answered")
