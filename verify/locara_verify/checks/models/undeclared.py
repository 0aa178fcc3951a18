"""LC503: a model the manifest does not pin is refused, however it is named, though it lies in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, reads, refusal, roles, survives
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.process import descendants

RULE: Final = "LC503"
NAME: Final = "undeclared-model"
REFUSALS: Final = frozenset({"capability_denied", "bad_request", "model_unavailable"})


def other_names(name: str, digest: str, foreign: str) -> Iterator[str]:
    """Names that are not the pinned one: near misses, other digests, paths, and things a shell would like."""
    hex_ = digest.removeprefix("sha256:")
    yield from (
        foreign,
        f"{name}@{foreign}",
        f"other@{digest}",
        digest,
        hex_,
        f"@{digest}",
        f"{name}@",
        f"{name}@{hex_}",
    )
    yield from (
        f"{name}@{digest}@{digest}",
        f"{name}@sha256:{hex_[:-1]}",
        f"{name}@sha256:{hex_.upper()}",
        f"{name}@sha512:{hex_}",
    )
    yield from (
        name.upper(),
        f" {name}",
        f"{name} ",
        f"{name}\n",
        f"{name}\0",
        f"{name}\0.gguf",
        f"{name}.",
        name[:-1],
        f"{name}{name[-1]}",
    )
    yield from (
        f"./{name}",
        f"../{name}",
        f"{name}/..",
        f"/models/{hex_}/model.gguf",
        f"/models/{foreign[7:]}/model.gguf",
    )
    yield from (
        f"../../models/{foreign[7:]}",
        f"file:///models/{hex_}/model.gguf",
        f"https://example.com/{name}.gguf",
        f"hf:{name}/x",
    )
    yield from (
        "",
        "*",
        "%",
        "_",
        "default",
        "null",
        "0",
        "__class__",
        "constructor",
        "../../../proc/self/mem",
        "/dev/zero",
    )
    yield from (
        name.replace(name[0], chr(ord(name[0]) + 0xFEE0)),
        f"{name}\u200b",
        f"\ufeff{name}",
        f"{name}\u202e",
        "x" * 160,
    )


def call(command: str, model: JSON) -> dict[str, JSON]:
    """Arguments that would be right for a pinned model."""
    if command == "embed.create":
        return {"model": model, "texts": ["text"]}
    return {"model": model, "messages": [{"role": "user", "content": "text"}], "maxTokens": 1}


@check(NAME, rules=(RULE,), needs=frozenset({"live", "models"}), applies=reads)
def run(ctx: Context) -> CheckResult:
    """Ask the app, and a copy of it with fewer models, for models that their manifests do not pin."""
    tally = Tally()
    found = roles(ctx)
    commands = {"llm.chat": found.chat, "embed.create": found.embed}
    foreign = "sha256:" + f"{ctx.seed_for(NAME):016x}" * 4
    with ctx.open_app() as app, survives(tally, RULE, app.client):
        early = in_memory(app.pid)
        tally.expect(RULE, not early, "a model is in memory that nobody asked for", f"{early} of them")
        for command, name in commands.items():
            if name is None:
                continue
            pin = f"{name}@{ctx.grants.models[name]}"
            for twin in (name, pin):
                code, message = refusal(app.client, command, call(command, twin))
                if code != "ok":
                    tally.undecided(RULE, f"the allow twin failed: {twin} was refused ({code}: {message})")
            if early is not None and not in_memory(app.pid):
                tally.undecided(RULE, "the allow twin failed: a model that is used does not show in memory")
            names = list(other_names(name, str(ctx.grants.models[name]), foreign))
            for number, model in enumerate(names):
                ctx.progress(number, len(names), command)
                judge(tally, refusal(app.client, command, call(command, model)), command, model)
            no_names: tuple[JSON, ...] = (None, 0, True, [name], {"id": name}, 1.5)
            for value in no_names:
                judge(tally, refusal(app.client, command, call(command, value)), command, value)
    if len(ctx.grants.models) > 1:
        removed_model(ctx, tally, commands)
    return tally.result()


def in_memory(pid: int) -> int | None:
    """How many models the processes of an app have mapped, by the kernel's word; None where it says nothing."""
    found = set()
    for one in (pid, *descendants(pid)):
        try:
            lines = Path(f"/proc/{one}/maps").read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        found |= {line.split(maxsplit=5)[5] for line in lines if line.rstrip().endswith("/model.gguf")}
    return len(found)


def removed_model(ctx: Context, tally: Tally, commands: dict[str, str | None]) -> None:
    """The same app with one pin taken out: its model is still in the cache, and must be out of reach."""
    for command, name in commands.items():
        if name is None:
            continue

        def edit(document: dict[str, Any], name: str = name) -> None:
            pins = document["capabilities"]["models"]
            document["capabilities"]["models"] = [pin for pin in pins if not pin.startswith(f"{name}@")]
            document.pop("profiles", None)

        app_dir = ctx.variant("fewer-models", edit)
        with ctx.open_app(app_dir) as app, survives(tally, RULE, app.client):
            for model in (name, f"{name}@{ctx.grants.models[name]}"):
                judge(tally, refusal(app.client, command, call(command, model)), command, model)


def judge(tally: Tally, answer: tuple[str, str], command: str, model: JSON) -> None:
    """Refused, and as what it is: not granted, not a name, or not there."""
    code, message = answer
    tally.attacks += 1
    shown = ascii(model)[:120]
    tally.expect(
        RULE,
        code in REFUSALS,
        f"{command} with the model {shown} was not refused as undeclared",
        f"{code}: {message}"[:300],
        command=command,
        model=shown,
    )
