"""LC536: from pin to load, a model is the bytes that its pin names, whatever lies around it in the cache."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives, talks
from locara_verify.checks.models.theatre import Theatre, shelve, theatre
from locara_verify.context import Context
from locara_verify.strategies.puppets import puppet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

RULE: Final = "LC536"
ALONE: Final = "LC504"
CHAT: Final = "models/locara-tiny-chat.gguf"
NAME: Final = "model-identity"
COUNT: Final = 6
DIGEST: Final = "digest"


def line(number: int) -> str:
    """What a model of this check says of itself: all are of one length, so that all files are."""
    return f"I am number {number} of the models."


@check(NAME, rules=(RULE, ALONE), needs=frozenset({"live"}), applies=talks)
def run(ctx: Context) -> CheckResult:
    """Ask many models who they are; exchange files before the start, and bytes between start and load."""
    tally = Tally()
    models = {f"m{number}": puppet({"who": line(number)}, seed=number) for number in range(COUNT)}
    if len({len(data) for data in models.values()}) != 1:
        tally.undecided(RULE, "the models of this check are not of one size")
    with theatre(ctx, tally, models) as on, survives(tally, RULE, on.client):
        for turn in range(2):
            for number in ctx.rng(f"{NAME}-{turn}").sample(range(COUNT), COUNT):
                said = on.ask("who", model=f"m{number}")
                tally.expect(
                    RULE,
                    said.content == line(number),
                    "a model answered in place of another",
                    said.content[:60] or said.code,
                )
    written_over(ctx, tally, models)
    exchanged(ctx, tally, models)
    opened(ctx, tally, models)
    again(ctx, tally, models["m0"])
    used(ctx, tally, models["m0"])
    broken_off(ctx, tally)
    return tally.result()


def written_over(ctx: Context, tally: Tally, models: dict[str, bytes]) -> None:
    """Another right model's bytes are written into a file after the app has started, before it is used."""
    shelf = ctx.fresh_dir("over")
    paths = [path_of(shelf, pin) for pin in shelve(shelf, models).values()]
    with theatre(ctx, tally, models, shelf=shelf) as on, survives(tally, RULE, on.client):
        for number in range(1, COUNT):
            paths[number].write_bytes(models["m0"])
            never(on, number, "written over between start and load")
        if on.ask("who", model="m0").content != line(0):
            tally.undecided(RULE, "the allow twin failed: the untouched model does not answer")
        paths[1].write_bytes(models["m1"])
        if on.ask("who", model="m1").content != line(1):
            tally.undecided(RULE, "the allow twin failed: the right bytes do not answer")


def exchanged(ctx: Context, tally: Tally, models: dict[str, bytes]) -> None:
    """Two entries of the cache are exchanged, one is a copy of another and one of the right size with zeros."""
    shelf = ctx.fresh_dir("exchanged")
    paths = [path_of(shelf, pin) for pin in shelve(shelf, models).values()]
    aside = paths[1].with_name("aside")
    paths[1].rename(aside)
    paths[2].rename(paths[1])
    aside.rename(paths[2])
    shutil.copyfile(paths[0], paths[3])
    paths[4].write_bytes(bytes(len(models["m4"])))
    changed = {"m1": models["m2"], "m2": models["m1"], "m3": models["m0"], "m4": bytes(len(models["m4"]))}
    if any(paths[number].read_bytes() != changed[f"m{number}"] for number in (1, 2, 3, 4)):
        tally.undecided(RULE, "the files of this check are not where they should be")
    with theatre(ctx, tally, models, shelf=shelf) as on, survives(tally, RULE, on.client):
        for number in (1, 2, 3, 4):
            never(on, number, "exchanged in the cache")
        for number in (0, 5):
            if on.ask("who", model=f"m{number}").content != line(number):
                tally.undecided(RULE, "the allow twin failed: an untouched entry does not answer")


def opened(ctx: Context, tally: Tally, models: dict[str, bytes]) -> None:
    """A file is exchanged for another right model at the very moment at which it is opened a second time."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.errors import LocaraError  # noqa: PLC0415 - as above
    from locara.inference.backend import ChatRequest, Finish, Message  # noqa: PLC0415 - native code
    from locara.inference.llama_cpp import load_chat  # noqa: PLC0415 - as above

    place = ctx.fresh_dir("opened") / "model.gguf"
    place.write_bytes(models["m0"])
    other = place.with_name("other")
    other.write_bytes(models["m1"])
    times = 0
    watching = True

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal times
        if watching and event == "open" and str(arguments[0]) == str(place):
            times += 1
            if times > 1 and other.exists():
                other.replace(place)

    sys.addaudithook(look)
    try:
        model = load_chat(place, Digest.of(models["m0"]))
        request = ChatRequest((Message("user", "who"),))
        said = [event.text for event in model.stream(request) if isinstance(event, Finish)]
        model.close()
    except LocaraError as error:
        said = [error.code]
    finally:
        watching = False
    tally.expect(
        RULE,
        said == [line(0)],
        "a model is loaded from another file than was compared",
        f"{said} {times} opens",
    )
    if not times:
        tally.undecided(RULE, "the opens of a model were not seen")


def again(ctx: Context, tally: Tally, right: bytes) -> None:
    """One process looks at a file a second time: a bit of it was changed in place, and size and times are as before."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.errors import LocaraError  # noqa: PLC0415 - as above
    from locara.inference.llama_cpp import load_chat  # noqa: PLC0415 - native code
    from locara.models.cache import ModelCache  # noqa: PLC0415 - as above

    digest, cache = Digest.of(right), ModelCache(ctx.fresh_dir("again"))
    place = cache.root / digest.hex / "model.gguf"
    place.parent.mkdir()
    ways: dict[str, Callable[[], object]] = {
        "loaded": lambda: load_chat(place, digest).close(),
        "compared by the cache": lambda: cache.verify(digest),
    }
    for what, look in ways.items():
        place.write_bytes(right)
        seen, said = place.stat(), list[str]()
        for data in (right, right[:-1] + bytes([right[-1] ^ 1]), right):
            with place.open("r+b") as file:
                file.write(data)
            os.utime(place, ns=(seen.st_atime_ns, seen.st_mtime_ns))
            try:
                look()
                said.append("")
            except LocaraError as error:
                said.append(error.code)
        tally.expect(
            RULE,
            said[1] == "digest_mismatch",
            "a model that was changed is taken for what it was before",
            f"{what}: {said}",
        )
        if said[0] or said[2]:
            tally.undecided(RULE, f"the allow twin failed: a right file {what} twice: {said}")


def broken_off(ctx: Context, tally: Tally) -> None:
    """A request is cancelled within its prompt, after another one, and then asked again by whoever has time."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.inference import chat  # noqa: PLC0415 - native code
    from locara.inference.backend import ChatRequest, Finish, Message  # noqa: PLC0415 - as above
    from locara.inference.llama_cpp import load_chat  # noqa: PLC0415 - as above

    place = ctx.fixtures / CHAT
    if not place.exists():
        return
    model = load_chat(place, Digest.of(place.read_bytes()))

    def ask(text: str, patience: int = 1_000) -> str:
        request = ChatRequest((Message("user", text),), max_tokens=6)
        ends = [event for event in model.stream(request, _Patience(patience)) if isinstance(event, Finish)]
        return f"{ends[-1].reason}: {ends[-1].text}"

    # A short prompt is read in several pieces, so that it can end within.
    with patch.object(chat, "BATCH", 4):
        due = {
            text: ask(text) for text in ("Where is the harbour, and who is there?", "Tell me about the sea.")
        }
        for text, said in due.items():
            ask("x")
            left = ask(text, 2)
            again = ask(text)
            told = f"{text!r}, left after two looks ({left}): {again}, not {said}"
            tally.expect(ALONE, again == said, "what was asked before has a part in an answer", told)
    model.close()


class _Patience:
    """Says that nobody waits any more, when it was asked often enough."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def is_set(self) -> bool:
        """Whether that was often enough."""
        self._left -= 1
        return self._left < 0


def used(ctx: Context, tally: Tally, right: bytes) -> None:
    """Models are shared by all apps: what one is told of its own is the same, whoever used or checked it since."""
    from types import SimpleNamespace  # noqa: PLC0415

    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.core.grant import Grants  # noqa: PLC0415 - as above
    from locara.models.cache import ModelCache  # noqa: PLC0415 - as above
    from locara.runtime.commands.app import info  # noqa: PLC0415 - as above
    from locara.runtime.loaded_models import LoadedModels, below  # noqa: PLC0415 - as above

    cache, source = ModelCache(ctx.fresh_dir("used")), ctx.fresh_dir("source") / "model.gguf"
    source.write_bytes(right)
    digest = cache.add_file(source, expected=Digest.of(right))
    grants = replace(Grants.none("acme/reader"), models={"m": digest})
    asked = SimpleNamespace(
        grants=grants, models=LoadedModels(grants, below(cache.root)), admitted=SimpleNamespace(profile=None)
    )
    told: list[Mapping[str, Any]] = [info(asked, None, None)]  # type: ignore[arg-type]
    entry = cache.root / digest.hex
    cache.note_verified(digest, 1_000.0)
    for path in (*entry.iterdir(), entry):
        os.utime(path, (2_000.0, 3_000.0))
    (entry / "model.gguf").chmod(0o440)
    told.append(info(asked, None, None))  # type: ignore[arg-type]
    size = [one["size"] for one in told[0]["models"]]
    if size != [len(right)]:
        tally.undecided(RULE, f"the allow twin failed: an app is told the size of its model ({size})")
    tally.expect(RULE, told[0] == told[1], "an app sees when another used a model", f"{told}"[:400])


def never(on: Theatre, number: int, how: str) -> None:
    """The model must be refused, and for its digest."""
    said = on.ask("who", model=f"m{number}")
    refused = said.code in ("model_error", "model_unavailable") and DIGEST in said.message
    on.tally.expect(
        RULE,
        refused,
        f"a model {how} was used",
        f"{said.code}: {said.message} {said.content[:60]}",
        model=f"m{number}",
    )


def path_of(shelf: Path, pin: str) -> Path:
    """The file of a pin."""
    return shelf / pin.partition("@sha256:")[2] / "model.gguf"
