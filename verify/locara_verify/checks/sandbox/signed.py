"""LC106, LC107: the programs for macOS that an app brings. Each is signed whole, in every slice, and asks the system
for what the manifest declares and for nothing else.

Nothing is run, so any machine can judge. What it cannot: which certificates Apple recognises today.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.entitlements import expected
from locara_verify.codesign import table
from locara_verify.codesign.audit import HELPER, LIBRARY, Audit, Program, audit, beside_of, has_programs
from locara_verify.codesign.blobs import signature
from locara_verify.codesign.macho import MalformedError, slices
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room
from locara_verify.target import Target

SIGNED: Final = "LC106"
ASKS: Final = "LC107"
_SANDBOX: Final = f"{table.PREFIX}app-sandbox"
_HELPER: Final = {_SANDBOX: True, f"{table.PREFIX}inherit": True}
_USAGE: Final = {
    "device.camera": "NSCameraUsageDescription",
    "device.audio-input": "NSMicrophoneUsageDescription",
}
_BY_THE_SYSTEM: Final = re.compile(
    r"\.app/Contents/(?:PlugIns/|Library/(?:LaunchAgents|LaunchDaemons|LoginItems|SystemExtensions|Spotlight|QuickLook"
    r"|Automator|Services)/)",
    re.IGNORECASE,
)
_STARTED: Final = "lies where the system starts it without the app, and nothing in the manifest says so"
_LISTS: Final = {
    "LSEnvironment": "sets variables for the program",
    "NSAppTransportSecurity": "allows connections that are not encrypted",
    "CFBundleURLTypes": "lets every page and every app start it with an address",
    "CFBundleDocumentTypes": "lets files be handed to it past the picker",
    "NSServices": "offers its services to other apps",
    "NSAppleScriptEnabled": "lets other apps steer it",
}


def _applies(target: Target) -> str | None:
    return None if has_programs(*_files(target)) else "the app brings no program for macOS"


def _files(target: Target) -> tuple[Path, Iterator[str]]:
    """The folder that is looked through, and every file in it."""
    if target.built is None:
        return target.path, (entry.path for entry in target.entries)
    return target.built.parent, (f"{target.built.name}/{entry.path}" for entry in target.around)


@check("sandbox.signed", rules=(SIGNED, ASKS), applies=_applies, quick=True)
def run(ctx: Context) -> CheckResult:
    """Read all of them; then change one bit of each that is sound, which has to be noticed."""
    folder, names = _files(ctx.target)
    found = audit(folder, names)
    findings: list[Finding] = []
    wanted = expected(json.loads(ctx.target.manifest_bytes).get("capabilities", {}))
    told = [(SIGNED, name, fault) for name, fault in found.faults]
    told += [(SIGNED, one.name, fault) for one in found.programs for fault in one.faults]
    told += [(ASKS, one.name, fault) for one in found.programs for fault in faults_of(one, wanted)]
    told += [(ASKS, name, fault) for name, fault in _lists(found)]
    told += [(ASKS, name, _STARTED) for name in sorted(_files(ctx.target)[1]) if _BY_THE_SYSTEM.search(name)]
    for rule, name, fault in told:
        if has_room(findings, rule):
            findings.append(
                Finding(rule, f"{name}: {fault}", because=_BECAUSE[rule], file=_of_target(ctx, folder, name))
            )
    blind = _unnoticed(ctx.rng("signed"), folder, found)
    slices_read = sum(len(one.signed) for one in found.programs)
    nobody = sum(not signed.signer for one in found.programs for signed in one.signed)
    return CheckResult(
        tuple(findings),
        {SIGNED: len(found.programs) + len(found.bundles), ASKS: max(1, slices_read)},
        probes=slices_read,
        inconclusive={SIGNED: f"a changed bit of {blind} was not noticed"} if blind else {},
        notes=(
            f"{len(found.programs)} programs for macOS, {slices_read} slices, {nobody} of them signed by nobody",
        ),
    )


_BECAUSE: Final = {
    SIGNED: "what no signature covers can be exchanged, and what looks elsewhere for code runs the code of others",
    ASKS: "on a Mac the entitlements are the kernel's copy of the manifest",
}


def _of_target(ctx: Context, folder: Path, name: str) -> str:
    return name if folder == ctx.target.path else "locara.json"


def faults_of(one: Program, wanted: set[str]) -> Iterator[str]:
    """What is wrong with what the slices of a program ask for, when the manifest gives ``wanted``."""
    for signed in one.signed:
        asked, where = signed.entitlements, f"for {signed.cpu} it "
        if one.role == LIBRARY:
            if asked:
                yield f"{where}is a library, and asks for {_named(asked)}"
        elif one.role == HELPER:
            if dict(asked) != _HELPER or any(value is not True for value in asked.values()):
                yield f"{where}asks for {_named(asked)}, and what an app starts asks for app-sandbox and inherit alone"
        else:
            yield from (f"{where}{fault}" for fault in _of_main(asked, wanted))


def _named(asked: Mapping[str, Any]) -> str:
    return ", ".join(sorted(asked))[:200] or "nothing"


def _of_main(asked: Mapping[str, Any], wanted: set[str]) -> Iterator[str]:
    if _SANDBOX not in asked:
        yield "asks for no sandbox, so nothing confines it"
    for key in sorted(asked.keys() - wanted):
        yield f"asks for {key[:200]}, which the manifest does not give: it {table.verdict(key)}"
    for key in sorted(wanted - asked.keys() - {_SANDBOX}):
        yield f"does not ask for {key}, which the manifest declares"
    for key in sorted(asked.keys() & wanted):
        if asked[key] is not True:
            yield f"asks for {key} with {str(asked[key])[:80]}, and the only value is true"
    for what in table.together(asked.keys()):
        yield f"asks for {what}"


def _lists(found: Audit) -> Iterator[tuple[str, str]]:
    """Property lists that open a way in, or ask the person without saying why."""
    for name, facts in found.bundles.items():
        for key, what in _LISTS.items():
            if facts.get(key):
                yield name, f"its property list has {key}, which {what}"
        asked = {
            key.removeprefix(table.PREFIX)
            for one in found.programs
            if one.name.startswith(f"{name}/")
            for signed in one.signed
            for key in signed.entitlements
        }
        for key, usage in _USAGE.items():
            said = facts.get(usage)
            if key in asked and not (isinstance(said, str) and said.strip()):
                yield name, f"it asks for {key}, and {usage} does not tell the person why"


def _unnoticed(rng: random.Random, folder: Path, found: Audit) -> str:
    """The control: the first sound program of which a changed bit is not noticed, by the page that it lies in."""
    for one in found.programs:
        if one.faults or not one.signed:
            continue
        path = folder / one.name
        part = rng.choice(slices(path.read_bytes()))
        changed, (end, _) = bytearray(part.data), part.signature or (len(part.data), 0)
        changed[rng.randrange(end // 2, end)] ^= 1 << rng.randrange(8)
        try:
            signature(replace(part, data=memoryview(changed)), beside_of(path))
        except MalformedError as error:
            if str(error).startswith("page "):
                continue
        return one.name
    return ""
