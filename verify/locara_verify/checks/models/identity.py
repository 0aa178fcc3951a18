"""LC536: from pin to load, a model is the bytes that its pin names, whatever lies around it in the cache."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives, talks
from locara_verify.checks.models.theatre import Theatre, shelve, theatre
from locara_verify.context import Context
from locara_verify.strategies.puppets import puppet

if TYPE_CHECKING:
    from pathlib import Path

RULE: Final = "LC536"
NAME: Final = "model-identity"
COUNT: Final = 6
DIGEST: Final = "digest"


def line(number: int) -> str:
    """What a model of this check says of itself: all are of one length, so that all files are."""
    return f"I am number {number} of the models."


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), applies=talks)
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
