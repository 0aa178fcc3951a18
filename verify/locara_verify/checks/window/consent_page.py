"""LC411 and LC412 at the page before an app as the engine draws it: every line is seen as it was told, whatever an app
wrote into it, and each answer says what its button says, of the question that stands there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from locara.core.consent import ConsentText, consent_text
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.words import compiled
from locara_verify.checks.window.live import no_screen
from locara_verify.checks.window.on_screen import answer_of
from locara_verify.context import Context
from locara_verify.strategies import manifests
from locara_verify.tally import Tally

WORDS: Final = "LC411"
ANSWERS: Final = "LC412"
MARKUP: Final = (
    "<b>to help you</b>", "<!-- as you like it", "<style>li, section { display: none }</style>", "&lt;i&gt; &amp; more",
    "<img src=x onerror=document.title=1>", "</li></ul><h1>It may nothing</h1>", "<svg><title>", "<template>",
    "<script>document.title = 1</script>", "<a href='//evil.example'>read this</a>", "<table><tr><td hidden>",
)  # fmt: skip
_DRAWN: Final = Path(__file__).with_name("drawn.py")
_SECONDS: Final = 90.0
_PARTS: Final = ("may", "may-not", "models", "changes")
_WANTED: Final = {"yes": True, "no": False, "escape": False}

Json = Any


@check("window.consent-page", rules=(WORDS, ANSWERS), needs=frozenset({"kernel"}), applies=no_screen)
def run(ctx: Context) -> CheckResult:
    """First starts and updates, one after the other in the same window."""
    tally, rng = Tally(), ctx.rng("consent-page")
    states = [_state(_text(rng), number) for number in range(1, 5)]
    seen = _drawn(ctx, states)
    if len(seen) != len(states) or any("failed" in one for one in seen):
        for rule in (WORDS, ANSWERS):
            tally.twin(rule, False, f"the page before an app is drawn ({str(seen)[:300]})")
        return tally.result()
    for state, one in zip(states, seen, strict=True):
        _judge(tally, state, one)
    return tally.result()


def _text(rng: random.Random) -> ConsentText:
    """What an app asks for that gives reasons of the worst kind."""
    value = manifests.plenty(rng)
    value["capabilities"]["background"] = {"mode": "active", "reasons": rng.sample(MARKUP, 3)}
    return consent_text(compiled(value))


def _state(text: ConsentText, number: int) -> dict[str, Json]:
    """A question as a launcher tells its page; every second one is an update."""
    changes = [line for line in text.may if "<" in line or "&" in line] if number % 2 == 0 else []
    lines = {"may": [*text.may], "may_not": [*text.may_not], "models": [*text.models], "changes": changes}
    return {"step": "consent", "title": text.title, **lines, "question": number}


def _drawn(ctx: Context, states: Sequence[Json]) -> list[dict[str, Json]]:
    """What is seen of each state, and what is answered."""
    import locara  # noqa: PLC0415 - the product that is judged

    package = Path(next(iter(locara.__path__))).resolve()
    arguments = (str(package.parent), str(package / "ui/pages"))
    home = ctx.fresh_dir("home")
    return answer_of(_DRAWN, *arguments, home=home, given=states, seconds=_SECONDS) or []


def _judge(tally: Tally, state: dict[str, Json], seen: dict[str, Json]) -> None:
    lines = seen["lines"]
    for part in ("title", *_PARTS):
        key = part.replace("-", "_")
        wanted = [state[key]] if part == "title" else state[key]
        found = [_plain(line) for line in lines[part]]
        left = [line for line in map(_plain, wanted) if line not in found]
        told = f"{part}: {len(found)} of {len(wanted)} lines are seen; {ascii(left[:1])[:300]}"
        held = found == [_plain(line) for line in wanted] and lines[f"{part} parts"] == 0
        tally.judge(WORDS, held, "a person is shown another text than they are asked about", told)
    for how, agrees in _WANTED.items():
        calls = [["first.answer", {"agree": agrees, "question": state["question"]}]]
        because = f"{how}: {seen['said'][how]}"
        if how == "yes":
            tally.twin(ANSWERS, seen["said"][how] == calls, f"a yes is given ({because})")
        else:
            tally.judge(ANSWERS, seen["said"][how] == calls, "a no does not say no", because)


def _plain(line: str) -> str:
    """As it is seen: any space is one."""
    return " ".join(line.split())
