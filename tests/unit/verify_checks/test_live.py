"""How an attack on a running app is judged: by all that came back, all that changed, and who still lives."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.checks.escape import live
from locara_verify.checks.escape.arena import INSIDE_DATA, USER_FOLDERS, Arena, plant
from locara_verify.checks.escape.link import TRACES, Gone, Link, says
from locara_verify.checks.escape.live import Trial, conduct
from locara_verify.oracle.canaries import Tokens, Tree

Json = Any
HOST = "/home/person/locara"
FINE = {"ok": True, "result": {}}


class App:
    """Answers each call with what it is given, then with success; ``silent`` after the last of them."""

    def __init__(self, *replies: Mapping[str, Json], silent: bool = False) -> None:
        self.replies, self.silent, self.asked = list(replies), silent, 0

    def send_raw(self, data: bytes) -> None:
        self.asked = json.loads(data[4:]).get("id", self.asked)

    def recv_frame(self, _timeout: float) -> Mapping[str, Json] | None:
        if self.replies:
            return {"id": self.asked, **self.replies.pop(0)}
        return None if self.silent else {"id": self.asked, **FINE}


@pytest.fixture
def arena(tmp_path: Path) -> Callable[..., Arena]:
    def make(*replies: Mapping[str, Json], silent: bool = False, lives: bool = True) -> Arena:
        tokens, tree = Tokens(random.Random(1)), Tree(tmp_path / "outside")
        tree.plant({"secret.txt": tokens.make("outside")})
        link = Link(App(*replies, silent=silent), tokens, (HOST,))  # type: ignore[arg-type]
        victim = SimpleNamespace(alive=lambda: lives)
        rest = (tmp_path / "data", tmp_path, tmp_path, tmp_path, victim)
        return Arena(None, {}, None, link, tokens, {"outside": tree}, *rest)  # type: ignore[arg-type]

    return make


def told(
    made: Arena, attack: Callable[[Trial], object] = lambda trial: trial.arena.link.ask("fs.read")
) -> CheckResult:
    trial = Trial(made, ("LC201", "LC202"))

    def run(trial: Trial) -> None:
        for rule in trial.rules:
            trial.tried(rule)
        attack(trial)

    return conduct(trial, lambda _trial: run(trial))


def rules_of(result: CheckResult) -> set[str]:
    return {found.rule_id for found in result.findings}


def test_an_attack_that_leaves_no_trace_leaves_no_finding(arena) -> None:
    result = told(arena())
    assert (result.findings, result.inconclusive) == ((), {})
    assert result.attempts == {"LC201": 1, "LC202": 1, "LC406": 2}


SPELLED: dict[str, Callable[[str], str]] = {
    "plain": str,
    "hex": lambda token: token.encode().hex(),
    "base64": lambda token: base64.b64encode(b"x" + token.encode()).decode(),
}


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize(
    "reply",
    [
        lambda text: [{"ok": True, "result": {"text": text}}],
        lambda text: [{"ok": True, "result": {text: [1]}}],
        lambda text: [{"ok": False, "error": {"code": "not_found", "message": f"no {text}"}}],
        lambda text: [{"event": {"type": "delta", "text": text}}, FINE],
        lambda text: [FINE, {"ok": True, "result": {"late": text}}],
    ],
)
def test_a_canary_that_comes_back_in_any_member_is_a_finding(arena, spelled, reply) -> None:
    made = arena()
    made.link.client.replies = reply(SPELLED[spelled](made.tokens.by_name["outside"]))  # type: ignore[attr-defined]
    assert rules_of(told(made)) - {"LC406"} == {"LC201"}  # most of these members are no command's


def test_what_a_reply_tells_beyond_its_table_is_a_finding(arena) -> None:
    for result, beyond in (
        ({"size": 1}, False),
        ({"size": 1, "inode": 2}, True),
        ({"size": [1]}, True),
        ({}, False),
    ):
        made = arena()
        made.link.client.replies = [{"ok": True, "result": result}]  # type: ignore[attr-defined]
        found = told(made, lambda trial: trial.arena.link.ask("fs.write", {"path": "a"}))
        assert rules_of(found) == ({"LC406"} if beyond else set())


def test_what_the_attacker_sent_may_come_back(arena) -> None:
    made = arena()
    token = made.tokens.by_name["outside"]
    made.link.client.replies = [{"ok": True, "result": {"data": f"{token} {HOST}"}}]  # type: ignore[attr-defined]
    assert (
        told(made, lambda trial: trial.arena.link.ask("fs.read", {"path": f"{token} {HOST}"})).findings == ()
    )


CHANGED: dict[str, Callable[[Path], object]] = {
    "contents": lambda place: place.write_text("x"),
    "a new file": lambda place: place.with_name("new").write_text("x"),
    "no file": lambda place: place.unlink(),
    "rights": lambda place: place.chmod(0o640),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_tree_that_changes_is_a_finding(arena, tmp_path, change) -> None:
    result = told(arena(), lambda _trial: CHANGED[change](tmp_path / "outside/secret.txt"))
    assert rules_of(result) == {"LC201"}


def test_a_victim_that_is_gone_is_a_finding(arena) -> None:
    assert rules_of(told(arena(lives=False))) == {"LC201"}


def test_an_app_that_does_not_answer_afterwards_is_a_finding(arena) -> None:
    assert rules_of(told(arena(FINE, silent=True))) == {"LC201"}
    assert rules_of(told(arena(FINE, {"ok": False, "error": {"code": "busy", "message": "x"}}))) == {"LC201"}


@pytest.mark.parametrize("rule", ["LC201", "LC202"])
def test_an_attack_that_broke_off_leaves_nothing_as_if_it_had_held(arena, rule) -> None:
    def attack(trial: Trial) -> None:
        trial.tried(rule)
        raise Gone("the stream broke")

    result = told(arena(), attack)
    assert rules_of(result) == {"LC201", rule}
    assert {*result.inconclusive, *rules_of(result)} == {"LC201", "LC202"}


DENIED = {"code": "capability_denied", "message": "no", "capability": "net", "because": "x", "fix": "y"}


@pytest.mark.parametrize(
    "reply",
    [
        *({"ok": True, "result": {"text": f"x {trace} y"}} for trace in TRACES),
        *({"event": {"type": "delta", "text": f"x {trace} y"}} for trace in TRACES),
        {"ok": True, "result": {"text": f"x{HOST}/y"}},
        {"ok": False, "error": {"code": "io_error", "message": f"{HOST}: no"}},
        {"ok": False, "error": {"code": "internal", "message": "no"}},
        {"ok": False, "error": {"code": "never heard of", "message": "no"}},
        {"ok": False, "error": {"code": "busy"}},
        {"ok": True, "result": []},
        {"ok": True, "result": {}, "more": 1},
        {"id": 99, "ok": True, "result": {}},
        *({"ok": False, "error": {k: v for k, v in DENIED.items() if k != key}} for key in DENIED),
    ],
)
def test_a_reply_that_is_not_as_documented_is_a_finding(arena, reply) -> None:
    assert rules_of(told(arena(reply))) == {"LC406"}
    assert rules_of(
        told(arena(FINE, reply), lambda trial: [trial.arena.link.ask("x") for _ in range(2)])
    ) == {"LC406"}


@pytest.mark.parametrize("words", ['a "quoted" path', "a\\b", "a/ä/漢", "line\nend"])
def test_words_are_found_in_each_spelling_of_json(words) -> None:
    for ascii_alone in (False, True):
        text = json.dumps({"x": [f"a{words}b"]}, ensure_ascii=ascii_alone)
        assert says(text, words)
        assert says(text.encode(), words)
        assert not says(text, f"{words}!")


@pytest.mark.parametrize("bad", [0, 1])
def test_both_apps_are_attacked_and_both_results_count(monkeypatch, arena, tmp_path, bad) -> None:
    opened: list[Path | None] = []

    @contextmanager
    def open_arena(_ctx: object, *, app: Path | None = None) -> Iterator[Arena]:
        opened.append(app)
        yield arena(lives=len(opened) - 1 != bad)

    monkeypatch.setattr(live, "open_arena", open_arena)
    ctx = SimpleNamespace(variant=lambda _name, _edit: tmp_path)
    result = live.conduct_both(ctx, ("LC201",), lambda trial: trial.tried("LC201"))  # type: ignore[arg-type]
    assert opened == [None, tmp_path]
    assert rules_of(result) == {"LC201"}
    assert result.attempts["LC201"] == 2


@pytest.mark.parametrize("profile", PROFILES.values())
def test_a_share_of_the_budget_is_that_share(profile) -> None:
    for fraction in (0.05, 0.2, 1.0):
        got = live.share(SimpleNamespace(profile=profile), fraction)  # type: ignore[arg-type]
        assert got == max(60, int(profile.live_operations * fraction))


@pytest.mark.parametrize("granted", [{}, {"documents": "read"}, {"music": "read-write", "documents": "read"}])
def test_each_file_around_the_app_is_watched_or_may_be_touched(tmp_path, granted) -> None:
    tokens = Tokens(random.Random(1))
    places = {name: tmp_path / name for name in ("home", "outside", "person", "home/data")}
    trees = plant(tokens, places["home"], places["outside"], places["person"], places["home/data"], granted)
    for tree in trees.values():
        tree.mark()
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        text = path.read_text()
        inside = path.is_relative_to(places["home/data"])
        mine = path.parent.name in USER_FOLDERS and granted.get(path.parent.name)
        assert bool(tokens.found(text.encode())) is not bool(mine), path
        before = {name for name, tree in trees.items() if tree.changes()}
        path.write_text(text + "more")
        seen = {name for name, tree in trees.items() if tree.changes()} - before
        alone = path == places["person"] / "secret.txt" or (
            inside and path.relative_to(places["home/data"]).as_posix() in INSIDE_DATA[-2:]
        )
        assert bool(seen) is not (mine == "read-write" or alone), path
        for tree in trees.values():
            tree.mark()
