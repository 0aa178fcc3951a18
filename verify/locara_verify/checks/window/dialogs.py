"""LC203 at the dialogs themselves: they are drawn on a screen of their own, and somebody looks and answers.

What a dialog says of the use must be the use that was asked for, each thing that was dropped stands there whole, and
only the one button hands anything over: not a dialog that is closed, cancelled, or taken away.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.window.live import no_screen
from locara_verify.checks.window.on_screen import answer_of
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC203"
APP: Final = "Probe & <i>Sons</i>"
ENDS: Final = ("OK", "CANCEL", "CLOSE", "DELETE_EVENT", "NONE", "REJECT")
"""How a dialog ends: its button, the other one, its window closed by key, by the desktop, gone, refused."""
_ASKED: Final = Path(__file__).with_name("asked.py")
_SECONDS: Final = 120.0
_CHANGES: Final = re.compile(r"\b(?:change|write)\b")
_ALL: Final = re.compile(r"all that is in it")
_SHALLOW: Final = re.compile(r"without its folders")
_INSIDE: Final = re.compile(r"what lies in dropped folders")

Case = dict[str, Any]


@check("window.dialogs", rules=(RULE,), needs=frozenset({"kernel"}), applies=no_screen)
def run(ctx: Context) -> CheckResult:
    """Every dialog in one process, as their own cost is little and that of a start is not."""
    tally, rng = Tally(), ctx.rng("dialogs")
    home = ctx.fresh_dir("home")
    (home / "folder").mkdir()
    (home / "file.txt").write_text("x", "utf-8")
    cases = [*_picks(home, rng), *_drops(rng)]
    told = _answered(cases, home)
    if told is None:
        tally.twin(RULE, False, "the dialogs are shown")
        return tally.result()
    for case, seen in zip(cases, told, strict=True):
        (_judge_pick if case["dialog"] == "pick" else _judge_drop)(tally, case, seen)
    return tally.result()


def _picks(home: Path, rng: random.Random) -> list[Case]:
    """Half of all uses, and each end of a dialog in which something is chosen."""
    uses = list(
        itertools.product(("file", "directory"), ("read", "read-write"), (False, True), (False, True))
    )
    rng.shuffle(uses)
    ends = [*ENDS[1:], "OK", "OK", "OK"]
    made = []
    for (kind, access, recursive, remember), end in zip(uses, ends, strict=False):
        request = {"app": APP, "kind": kind, "access": access, "recursive": recursive, "remember": remember}
        picks = str(home / ("file.txt" if kind == "file" else "folder"))
        more = {"picks": picks, "ticks": rng.random() < 0.5, "ends": end}
        made.append({"dialog": "pick", "request": {**request, "multiple": rng.random() < 0.5}, **more})
    return made


def _drops(rng: random.Random) -> list[Case]:
    """Names that would be markup, that differ only at their end, and more of them than there is room for."""
    deep = "/home/person" + "/a folder" * 40
    many = [f"{deep}/{rng.getrandbits(32):08x}" for _ in range(12)]
    lists = (["/home/person/a.txt"], ["/a<b>x</b>", "/a&amp;b", "/a_b"], many)
    made = [
        {"dialog": "drop", "request": {"app": APP, "paths": paths, "recursive": recursive}, "ends": "OK"}
        for paths, recursive in zip(lists, (False, True, False), strict=True)
    ]
    return made + [{**made[0], "ends": end} for end in ("CANCEL", *rng.sample(ENDS[2:], 2))]


def _answered(cases: list[Case], home: Path) -> list[dict[str, Any]] | None:
    """What stood in each dialog and what it said; None where they were not all shown."""
    import locara  # noqa: PLC0415 - the product that is judged

    dialogs = Path(next(iter(locara.__path__))) / "ui/webkit"
    told = answer_of(_ASKED, str(dialogs), home=home, given=cases, seconds=_SECONDS)
    whole = isinstance(told, list) and len(told) == len(cases) and all("words" in seen for seen in told)
    return told if whole else None


def _judge_pick(tally: Tally, case: Case, seen: dict[str, Any]) -> None:
    asked, end, said = case["request"], case["ends"], seen["said"]
    words = " ".join(text for text in seen["words"] if APP in text)
    told = json.dumps([asked, end, words[:200], said])
    if end == "OK":
        tally.twin(RULE, said["paths"] == [case["picks"]], f"what is picked is handed over ({told})")
    else:
        tally.judge(RULE, not said["paths"], "a dialog that nobody agreed to hands something over", told)
    right = bool(_CHANGES.search(words)) == (asked["access"] == "read-write")
    if asked["kind"] == "directory":
        right = right and bool(_ALL.search(words)) == asked["recursive"] != bool(_SHALLOW.search(words))
    tally.judge(RULE, right, "a dialog says another use than the one that was asked for", told)
    wanted = asked["remember"] and case["ticks"]
    offered = seen["ticked"] == ([False] if asked["remember"] else [])
    held = offered and (said["remember"] == wanted if said["paths"] else True)
    tally.judge(RULE, held, "a dialog lets an app find again what the person did not say", told)


def _judge_drop(tally: Tally, case: Case, seen: dict[str, Any]) -> None:
    asked, end, said = case["request"], case["ends"], seen["said"]
    words = " ".join(text for text in seen["words"] if APP in text)
    told = json.dumps([asked["recursive"], end, words[:200], said])
    if end == "OK":
        tally.twin(RULE, said is True, f"what was dropped is handed over ({told})")
    else:
        tally.judge(RULE, said is False, "a drop that nobody agreed to is handed over", told)
    left = [path for path in asked["paths"] if path not in seen["words"]]
    tally.judge(RULE, not left, "what was dropped does not stand whole in the dialog", f"{left[:1]} {told}")
    right = bool(words) and bool(_INSIDE.search(words)) == asked["recursive"]
    tally.judge(RULE, right, "the dialog of a drop says another use than the one that was asked for", told)
