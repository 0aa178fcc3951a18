"""LC537: a model whose signature does not hold, is somebody else's or is over other files does not enter the cache.

`locara models` is run as a person runs it. The judge is the cache: whether a byte entered, and what is told of it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.process import bare_environment
from locara_verify.strategies.model_signatures import Shelf, shelf

RULE: Final = "LC537"
NAME: Final = "model-signatures"
PROGRAM: Final = "locara_verify.checks.models.signing_door"
SECONDS: Final = 300.0
MODEL: Final = "model.gguf"
BESIDE: Final = "model.sig"
TRUST: Final = "trust.json"
INDEX: Final = "index.json"
REVOKED: Final = "../../state/Locara/revocations.json"
"""Below the folder of all cases, where the state of this person lies."""

Json = Any


@dataclass(frozen=True, slots=True)
class Case:
    """One command. A file that is None is a link to nothing. ``reason`` is why it must be refused, empty when it must
    work; ``keeps`` whether the cache holds something afterwards all the same; ``shows`` what must be told;
    ``denies``: a wrong answer is no broken twin."""

    name: str
    args: tuple[str, ...]
    reason: str = ""
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    keeps: bool = False
    shows: str = ""
    goes_on: bool = False
    denies: bool = False


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Bring models with forged, borrowed, missing and exchanged signatures, and honest ones between."""
    try:
        known = shelf(ctx.fixtures)
        model = known.model.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return CheckResult(inconclusive={RULE: f"the signed models cannot be read: {error}"})
    cases = cases_of(known, model)
    found = command(ctx, known, model, cases)
    if isinstance(found, str):
        return CheckResult(inconclusive={RULE: found})
    findings: list[Finding] = []
    broken = ""
    for case, seen in zip(cases, found, strict=True):
        told = judge(case, seen)
        if told and (case.reason or case.denies):
            findings.append(Finding(RULE, told, f"{case.name}: {seen['said'].strip()[-200:]}"))
        elif told:
            broken = broken or f"the allow twin failed: {case.name}: {seen['said'].strip()[-200:]}"
    tried = sum(bool(case.reason) for case in cases)
    return CheckResult(
        first_of_each(findings),
        {RULE: tried},
        attacks=tried,
        inconclusive={RULE: broken} if broken and not findings else {},
    )


def judge(case: Case, seen: Mapping[str, Json]) -> str:
    """What is wrong with the outcome; empty when it is as it must be."""
    if not case.reason:
        return (
            "" if seen["code"] == 0 and seen["entered"] and case.shows in seen["said"] else "it does not work"
        )
    if seen["code"] == 0:
        return "a signature that must be refused was believed"
    if seen["entered"] and not case.keeps:
        return "a model whose signature was refused entered the cache"
    return "" if case.reason in seen["said"] else f"it was refused for another reason than {case.reason}"


def cases_of(known: Shelf, model: bytes) -> list[Case]:
    """Every command in its order; those that go on use the cache of the one before."""
    trust = ("--trust-root", TRUST)
    named = (*trust, "--expect-identity", known.identity)
    take = ("import", MODEL, "--id", "signed")
    honest = {BESIDE: known.honest.bundle}
    signed = f"signed by {known.identity}"
    cases = [Case("honest", (*take, *named), files=honest, shows=signed)]
    cases += [
        Case(one.name, (*take, *named), f"[{one.reason}]", {BESIDE: one.bundle}) for one in known.forged
    ]
    changed = bytearray(model)
    changed[-1] ^= 1
    one_bit = {**honest, MODEL: bytes(changed)}
    cases.append(
        Case("honest, and the model has one other bit", (*take, *named), "[subject_mismatch]", one_bit)
    )
    who = known.identity
    cases += [
        Case(f"expecting {name!r}", (*take, *trust, "--expect-identity", name), "[identity_mismatch]", honest)
        for name in (f"{who}2", who[:-1], who.upper(), f"{who}/", f" {who}", "*")
    ]
    public = ("--public-good", "--expect-identity", who)
    required = (*take, *named, "--require-signature")
    cases += [
        Case("nobody expected", (*take, *trust), "[expectation_missing]", honest),
        Case("no instance", (*take, "--expect-identity", who), "[material_missing]", honest),
        Case("unsigned where one is required", required, "[statement_missing]"),
        Case("the public instance", (*take, *public), "[log_unknown]", honest),
        Case("signed where one is required", required, files=honest, shows=signed),
    ]
    beside = (BESIDE, f"{MODEL}.sigstore.json")
    cases += [
        Case(f"{name} is a link to nothing", (*take, *named), "cannot be read", {name: None})
        for name in beside
    ]
    return [*cases, *in_the_cache(known, take, named), *pulled(known, len(model), named)]


def in_the_cache(known: Shelf, take: tuple[str, ...], named: tuple[str, ...]) -> list[Case]:
    """What happens beside a model that is in the cache with an honest signature; each goes on from the one before."""
    other = next(one for one in known.forged if one.reason == "subject_mismatch")
    signed, refused = f"signed by {known.identity}", f"[{other.reason}]"
    kept, more = f"cache/{known.digest}/{BESIDE}", f"cache/{known.digest}/adapter.gguf"
    strange = {kept: known.honest.bundle, more: b"more"}
    cases = [
        Case("honest", (*take, *named), files={BESIDE: known.honest.bundle}, shows=signed),
        Case("forged over it", (*take, *named), refused, {BESIDE: other.bundle}),
        Case("still there", ("verify", *named), shows=signed),
        Case("another, and nobody to check it against", take, files={BESIDE: other.bundle}),
        Case("still the one that was checked", ("verify", *named), shows=signed, denies=True),
        Case("exchanged in the cache", ("verify", *named), refused, {kept: other.bundle}),
        Case("an old note about another", ("list", "--json"), shows='"state": "not checked"', denies=True),
        Case("a file that nobody signed", ("verify", *named), "[subject_mismatch]", strange),
    ]
    last = Case("honest again", (*take, *named), files={BESIDE: known.honest.bundle}, shows=signed)
    return [cases[0], *(replace(case, keeps=True, goes_on=True) for case in cases[1:]), last]


def pulled(known: Shelf, size: int, named: tuple[str, ...]) -> list[Case]:
    """The same model out of an index that names its signature, and a signer who was recalled; the last of all."""
    entry = {
        "id": "signed", "version": "1", "displayName": "Signed", "license": "MIT", "modality": "text-to-text",
        "size": size, "sha256": known.digest, "urls": [MODEL],
    }  # fmt: skip

    def index(**more: Json) -> dict[str, bytes]:
        return {INDEX: json.dumps({"schema": "locara-models/1", "models": [entry | more]}).encode()}

    get = ("pull", f"signed@sha256:{known.digest}", "--index", INDEX, *named)
    both, signed = index(signature=BESIDE), f"signed by {known.identity}"
    honest = {**both, BESIDE: known.honest.bundle}
    other = next(one for one in known.forged if one.reason == "subject_mismatch")
    cases = [Case("pulled, honest", get, files=honest, shows=signed)]
    cases += [
        Case(f"pulled, {one.name}", get, f"[{one.reason}]", {**both, BESIDE: one.bundle})
        for one in known.forged[::5]
    ]
    required = (*get, "--require-signature")
    cases += [
        Case("pulled without a signature where one is required", required, "[statement_missing]", index()),
        Case("pulled, honest, where one is required", required, files=honest, shows=signed),
        Case("pulled again", get, keeps=True, goes_on=True, shows=signed),
        Case(
            "pulled again, exchanged in the cache", get, f"[{other.reason}]",
            {f"cache/{known.digest}/{BESIDE}": other.bundle}, keeps=True, goes_on=True,
        ),
    ]  # fmt: skip
    take = ("import", MODEL, "--id", "signed", *named)
    for name, reason in ((f"{known.identity}2", ""), (known.identity, "[signer_revoked]")):
        entry_of = {"id": "R-1", "severity": "block", "kind": "compromise", "reason": "stolen", "time": 1.0}
        told = {
            "format": "locara-revocations/2",
            "seq": 1,
            "updated": 1.0,
            "entries": [entry_of | {"signer": name}],
        }
        known_here = {REVOKED: json.dumps(told).encode()}
        for what, words in (("pulled", get), ("imported", take)):
            files = {**honest, **known_here}
            cases.append(
                Case(f"{what}, {name} was revoked", words, reason, files, shows="" if reason else signed)
            )
    return cases


def command(ctx: Context, known: Shelf, model: bytes, cases: list[Case]) -> list[dict[str, Json]] | str:
    """The outcome of each case, or why there is none."""
    top, folder = ctx.fresh_dir("signed"), Path()
    jobs: list[dict[str, Json]] = []
    for number, case in enumerate(cases):
        if not case.goes_on:
            folder = top / str(number)
            folder.mkdir()
            (folder / MODEL).write_bytes(model)
            (folder / TRUST).write_bytes(known.trust)
        files = {name: None if data is None else data.hex() for name, data in case.files.items()}
        jobs.append({"folder": str(folder), "args": list(case.args), "files": files})
    state = top.parent / "state"
    (state / "Locara").mkdir(parents=True, mode=0o700, exist_ok=True)
    environment = bare_environment(ctx.fresh_dir("home")) | {"NO_COLOR": "1", "XDG_STATE_HOME": str(state)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", PROGRAM],
        input=json.dumps(jobs).encode(),
        env=environment,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    shutil.rmtree(top, ignore_errors=True)
    if done.returncode != 0:
        return f"the command broke: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}"
    found: list[dict[str, Json]] = json.loads(done.stdout)
    return found
