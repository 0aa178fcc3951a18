"""LC105: the macOS entitlements are exactly what the manifest declares, by a second table written from
Apple's keys.
"""

from __future__ import annotations

import json
import plistlib
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.sandbox.entitlements import HELPER, entitlements, entitlements_plist, refused_entitlements
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.strategies import manifests
from locara_verify.target import MANIFEST

_SECURITY: Final = "com.apple.security."
_FORBIDDEN: Final = re.compile(
    r"com\.apple\.security\.(cs\..*|get-task-allow|files\.all|temporary-exception\..*|files\.user-selected\.executable"
    r"|network\.server|automation\..*|scripting-targets|device\.(usb|bluetooth|serial))"
    r"|com\.apple\.(private|developer)\..*|get-task-allow"
)
_WEAKENING: Final = (
    *("cs.allow-jit", "cs.allow-unsigned-executable-memory", "cs.disable-library-validation", "cs.debugger"),
    *("get-task-allow", "files.all", "network.server", "temporary-exception.files.absolute-path.read-write"),
    *(
        "files.user-selected.executable",
        "automation.apple-events",
        "device.usb",
        "personal-information.location",
    ),
    *(
        "com.apple.private.tcc.allow",
        "files.downloads",
        "assets.pictures.",
        "app-sandbox.",
        "App-Sandbox",
        "",
    ),
)
_DRAWN: Final = 60
_MOST: Final = 5
_ENDS: Final = {"read": "read-only", "read-write": "read-write"}
_FOLDERS: Final = {
    "downloads": "files.downloads.",
    "pictures": "assets.pictures.",
    "music": "assets.music.",
    "movies": "assets.movies.",
}


def expected(capabilities: Mapping[str, Any]) -> set[str]:
    """The keys for a manifest's `capabilities` object, read without the framework."""
    keys = {"app-sandbox"}
    if capabilities.get("net", False) is not False:
        keys.add("network.client")
    selected = capabilities.get("fs.user-selected", False)
    if selected in _ENDS:
        keys.add(f"files.user-selected.{_ENDS[selected]}")
    paths = capabilities.get("fs.user-paths") or {}
    keys |= {f"{stem}{_ENDS[paths[root]]}" for root, stem in _FOLDERS.items() if paths.get(root) in _ENDS}
    if capabilities.get("device.camera") is True:
        keys.add("device.camera")
    if capabilities.get("device.microphone") is True:
        keys |= {"device.audio-input", "device.microphone"}
    return {_SECURITY + key for key in keys}


@check("sandbox.entitlements", rules=("LC105",), quick=True)
def run(ctx: Context) -> CheckResult:
    """Compare the projection with the second table; refuse what may never be signed; judge files the app
    ships.
    """
    findings = projected(json.loads(ctx.target.manifest_bytes), ctx.grants)
    emitted, rng = entitlements(ctx.grants), ctx.rng("entitlements")
    for _ in range(_DRAWN):
        document = manifests.valid(rng)
        told = projected(document, compile_grants(parse_manifest(json.dumps(document).encode())))
        findings += told[:1] if len(findings) < _MOST else []
    wrong: list[Mapping[str, object]] = [
        *_hostile(rng),
        *({key: value} for key in emitted for value in (False, 1, "true", None, [True])),
    ]
    findings += [
        _finding(f"{sorted(found)} is taken for what may be signed")
        for found in wrong
        if not refused_entitlements(found)
    ]
    if {f"{_SECURITY}app-sandbox": True, f"{_SECURITY}inherit": True} != HELPER:
        findings.append(_finding(f"a helper carries more or less than what it inherits: {sorted(HELPER)}"))
    shipped = [
        entry.path
        for entry in ctx.target.entries
        if entry.path.endswith((".entitlements", ".entitlements.plist"))
    ]
    for path in shipped:
        findings += _shipped(ctx, path, emitted)
    attempts = _DRAWN + len(wrong) + len(emitted) + 1 + len(shipped)
    return CheckResult(findings=tuple(findings), attempts={"LC105": attempts}, decisions=attempts)


def projected(document: Mapping[str, Any], grants: Grants) -> list[Finding]:
    """What is wrong with the entitlements of one manifest."""
    wanted, emitted = expected(document.get("capabilities", {})), entitlements(grants)
    findings = [
        _finding(f"{key} is emitted and nothing declares it") for key in sorted(emitted.keys() - wanted)
    ]
    findings += [_finding(f"{key} is declared and not emitted") for key in sorted(wanted - emitted.keys())]
    findings += [_finding(f"{key} may never be emitted") for key in emitted if _FORBIDDEN.fullmatch(key)]
    findings += [_finding(f"{key}: {why}") for key, why in refused_entitlements(emitted).items()]
    data = entitlements_plist(grants)
    if plistlib.loads(data) != emitted or data != entitlements_plist(grants):
        findings.append(_finding("the property list differs from the entitlements or from itself"))
    return findings


def _hostile(rng: random.Random) -> Iterator[Mapping[str, object]]:
    """Keys that weaken the sandbox or the runtime, alone and beside good ones; and helpers that carry more."""
    good = {f"{_SECURITY}app-sandbox": True}
    for key in _WEAKENING:
        for name in (f"{_SECURITY}{key}", key, f"{_SECURITY}{key}{rng.randrange(10)}"):
            yield {name: True}
            yield {**good, name: True}
    yield {**good, f"{_SECURITY}inherit": True, f"{_SECURITY}network.client": True}
    yield {f"{_SECURITY}inherit": True}


def _shipped(ctx: Context, path: str, emitted: Mapping[str, bool]) -> list[Finding]:
    try:
        found = plistlib.loads((ctx.target.path / path).read_bytes().lstrip())
    except (OSError, ValueError, plistlib.InvalidFileException) as error:
        return [_finding(f"{path} is not a property list: {type(error).__name__}", path)]
    if not isinstance(found, dict):
        return [_finding(f"{path} holds no dictionary", path)]
    extra = sorted(str(key) for key in found if emitted.get(key) is not True or found[key] is not True)
    return [_finding(f"{path} asks for {key}, which the manifest does not declare", path) for key in extra]


def _finding(message: str, file: str = MANIFEST) -> Finding:
    return Finding(
        "LC105",
        message,
        because="entitlements are a projection of the manifest and of nothing else",
        file=file,
    )
