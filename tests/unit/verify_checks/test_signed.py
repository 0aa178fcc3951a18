"""LC106, LC107: what they say of an app for macOS, each fault by itself, beside the same app without it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.macos.bundles import ASKED, HELPER, IDENTIFIER, INFO, PREFIX, app, universal
from fixtures.macos.programs import AD_HOC, DYLIB, RUNTIME, Recipe, Signer, new_signer, thin
from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.checks.sandbox import signed
from locara_verify.context import Context
from locara_verify.target import load

MAIN = Recipe(identifier=IDENTIFIER, entitlements=ASKED)
HELP = Recipe(identifier="helper", entitlements=HELPER)
LIBRARY = Recipe(kind=DYLIB, identifier="libnotes", loads=("/usr/lib/libSystem.B.dylib",))


@pytest.fixture(scope="module")
def key() -> Signer:
    return new_signer()


def judged(place: Path) -> CheckResult:
    target = load(place)
    assert signed._applies(target) is None
    workdir = place.parent / "work"
    workdir.mkdir(exist_ok=True)
    return signed.run(
        Context(
            target=target,
            profile=PROFILES["quick"],
            seed=1,
            workdir=workdir,
            fixtures=workdir,
            cache_root=None,
        )
    )


def told(place: Path) -> list[tuple[str, str]]:
    return [(found.rule_id, found.message.partition("Notes.app")[2]) for found in judged(place).findings]


def test_an_app_that_asks_for_what_it_declares_passes(tmp_path: Path) -> None:
    result = judged(app(tmp_path))
    assert (result.findings, result.inconclusive) == ((), {})
    assert result.attempts == {"LC106": 4, "LC107": 6}
    assert result.notes == ("3 programs for macOS, 6 slices, 6 of them signed by nobody",)


def test_one_that_somebody_signed_passes(tmp_path: Path, key: Signer) -> None:
    by = {"signer": key, "flags": RUNTIME, "algorithms": ("sha1", "sha256")}
    parts = {"main": replace(MAIN, **by), "helper": replace(HELP, **by), "library": replace(LIBRARY, **by)}
    result = judged(app(tmp_path, **parts))
    assert (result.findings, result.inconclusive) == ((), {})
    assert result.notes[0].endswith("0 of them signed by nobody")


def test_the_digest_of_an_app_covers_what_lies_around_it(tmp_path: Path) -> None:
    place = app(tmp_path)
    whole = load(place)
    assert (whole.built, whole.path) == (place, place / "Contents/Resources/app")
    assert load(whole.path) == whole
    library = place / "Contents/Frameworks/libnotes.dylib"
    library.write_bytes(library.read_bytes() + b"\0")
    assert load(place).digest != whole.digest


def test_sources_without_programs_are_not_judged(tmp_path: Path) -> None:
    shutil.copytree(app(tmp_path) / "Contents/Resources/app", tmp_path / "sources")
    target = load(tmp_path / "sources")
    assert signed._applies(target) == "the app brings no program for macOS"
    shutil.copy(shutil.which("true") or "", target.path / "true")
    assert signed._applies(load(target.path)) == "the app brings no program for macOS"
    (target.path / "tool").write_bytes(thin(Recipe(entitlements={f"{PREFIX}app-sandbox": True})))
    assert signed._applies(load(target.path)) is None


def _agent(contents: Path) -> None:
    (contents / "Library/LaunchAgents").mkdir(parents=True)
    (contents / "Library/LaunchAgents/x.plist").write_text("x")


def _extension(contents: Path) -> None:
    (contents / "PlugIns").mkdir()
    (contents / "PlugIns/x").write_text("x")


@pytest.mark.parametrize(
    ("made", "rule", "says"),
    [
        ({"main": replace(MAIN, entitlements=None)}, "LC107", "asks for no sandbox"),
        (
            {"main": replace(MAIN, entitlements={**ASKED, f"{PREFIX}network.client": True})},
            "LC107",
            "network.client, which the manifest does not give: it needs somebody who looked at it",
        ),
        (
            {"main": replace(MAIN, entitlements={**ASKED, f"{PREFIX}cs.disable-library-validation": True})},
            "LC107",
            "cs.disable-library-validation, which the manifest does not give: it may never be signed",
        ),
        (
            {"main": replace(MAIN, entitlements={**ASKED, "com.apple.private.tcc.allow": ["all"]})},
            "LC107",
            "com.apple.private.tcc.allow, which the manifest does not give: it is not known",
        ),
        (
            {"main": replace(MAIN, entitlements={**ASKED, f"{PREFIX}temporary-exception.sbpl": "(allow)"})},
            "LC107",
            "it may never be signed",
        ),
        (
            {"main": replace(MAIN, entitlements={**ASKED, f"{PREFIX}device.camera": False})},
            "LC107",
            "device.camera with False, and the only value is true",
        ),
        (
            {
                "main": replace(
                    MAIN,
                    entitlements={
                        key: value for key, value in ASKED.items() if not key.endswith("read-write")
                    },
                )
            },
            "LC107",
            "does not ask for com.apple.security.files.user-selected.read-write",
        ),
        (
            {"helper": replace(HELP, entitlements=ASKED)},
            "LC107",
            "what an app starts asks for app-sandbox and inherit",
        ),
        ({"helper": replace(HELP, entitlements=None)}, "LC107", "asks for nothing, and what an app starts"),
        ({"library": replace(LIBRARY, entitlements=HELPER)}, "LC107", "is a library, and asks for"),
        ({"library": replace(LIBRARY, signed=False)}, "LC106", "libnotes.dylib: it is not signed"),
        ({"library": replace(LIBRARY, algorithms=("sha1",))}, "LC106", "SHA-1 alone"),
        ({"library": replace(LIBRARY, rpaths=("/opt/lib",))}, "LC106", "looks for a library in /opt/lib"),
        ({"library": replace(LIBRARY, loads=("libz.dylib",))}, "LC106", "looks for a library in libz.dylib"),
        (
            {"main": replace(MAIN, loads=("/usr/lib/../local/x",))},
            "LC106",
            "looks for a library in /usr/lib/../local/x",
        ),
        (
            {"main": replace(MAIN, loader="/usr/lib/dyldx/../../tmp/d")},
            "LC106",
            "looks for a library in /usr/lib/dyldx",
        ),
        ({"main": replace(MAIN, loader="/tmp/dyld")}, "LC106", "looks for a library in /tmp/dyld"),
        ({"main": replace(MAIN, flags=AD_HOC | 0x4)}, "LC106", "its signature lets others debug it"),
        ({"main": replace(MAIN, flags=AD_HOC | 0x20)}, "LC106", "goes on with pages that were changed"),
        ({"library": replace(LIBRARY, flags=AD_HOC | 0x8)}, "LC106", "may install what the system protects"),
        ({"main": replace(MAIN, segment=0x11)}, "LC106", "gives its code rights (0x11)"),
        ({"before_seal": _agent}, "LC107", "LaunchAgents/x.plist: lies where the system starts it"),
        ({"before_seal": _extension}, "LC107", "PlugIns/x: lies where the system starts it"),
        ({"main": replace(MAIN, environment=("DYLD_PRINT=1",))}, "LC106", "sets the loader's DYLD_PRINT=1"),
        (
            {"main": replace(MAIN, identifier="another.app")},
            "LC106",
            "signed as another.app, and its bundle is example",
        ),
        ({"main": replace(MAIN, flags=0)}, "LC106", "nobody signed it, and it does not say so"),
        ({"info": {**INFO, "NSCameraUsageDescription": " "}}, "LC107", "does not tell the person why"),
        ({"info": {**INFO, "LSEnvironment": {"A": "b"}}}, "LC107", "LSEnvironment, which sets variables"),
        ({"info": {**INFO, "CFBundleURLTypes": [{}]}}, "LC107", "CFBundleURLTypes, which lets every page"),
    ],
)
def test_each_fault_is_told_by_its_rule(tmp_path: Path, made: dict[str, Any], rule: str, says: str) -> None:
    found = told(app(tmp_path, **made))
    assert {each for each, _ in found} == {rule}, found
    assert any(says in message for _, message in found), found


def test_a_fault_of_one_slice_is_a_fault(tmp_path: Path) -> None:
    """The slice that this machine does not start is started by another."""
    more = {**ASKED, f"{PREFIX}files.all": True}
    for number, make in enumerate(
        (
            lambda recipe: universal(
                recipe, **({"entitlements": more} if recipe.identifier == IDENTIFIER else {})
            ),
            lambda recipe: universal(recipe, **({"signed": False} if recipe.kind == DYLIB else {})),
        )
    ):
        found = told(app(tmp_path / str(number), make=make))
        assert found
        assert {rule for rule, _ in found} == {("LC107", "LC106")[number]}
    assert "for x86_64 it asks" in told(tmp_path / "0/Notes.app")[0][1]


def test_who_signed_has_the_hardened_runtime_and_signed_all_of_it(tmp_path: Path, key: Signer) -> None:
    by = {"signer": key, "flags": RUNTIME}
    parts = {"main": replace(MAIN, **by), "helper": replace(HELP, **by), "library": replace(LIBRARY, **by)}
    soft = {**parts, "main": replace(MAIN, signer=key, flags=0)}
    assert told(app(tmp_path / "a", **soft)) == [
        ("LC106", "/Contents/MacOS/notes: it is signed without the hardened runtime")
    ]
    other = replace(LIBRARY, signer=new_signer("Developer ID Application: Other"), flags=RUNTIME)
    ((rule, says),) = told(app(tmp_path / "b", **{**parts, "library": other}))
    assert (rule, says.partition(": ")[2]) == (
        "LC106",
        "it is signed by Developer ID Application: Other, and the program of the app by "
        "Developer ID Application: Example (TEAM123456)",
    )
    ((rule, says),) = told(app(tmp_path / "c", **{**parts, "library": LIBRARY}))
    assert (rule, "signed by nobody" in says) == ("LC106", True)
    both = {**parts, "main": replace(MAIN, signer=key, flags=RUNTIME | AD_HOC)}
    assert "says that nobody signed it, and somebody did" in told(app(tmp_path / "d", **both))[0][1]


def _page(contents: Path) -> None:
    library = contents / "Frameworks/libnotes.dylib"
    data = bytearray(library.read_bytes())
    data[0x5000] ^= 1
    library.write_bytes(data)


def _linked(contents: Path) -> None:
    main = contents / "MacOS/notes"
    main.rename(contents.parent.parent / "notes")
    main.symlink_to(contents.parent.parent / "notes")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_page, "page 1 is not as it was signed"),
        (lambda contents: (contents / "Resources/more").write_text("x"), "Resources/more is not sealed"),
        (
            lambda contents: (contents / "Info.plist").write_bytes(
                (contents / "Info.plist").read_bytes() + b"\n"
            ),
            "slot 1",
        ),
        (lambda contents: shutil.rmtree(contents / "_CodeSignature"), "it has no CodeResources"),
        (lambda contents: (contents / "MacOS/notes").unlink(), "names is not there"),
        (_linked, "names is not there"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_told(
    tmp_path: Path, change: Callable[[Path], object], says: str
) -> None:
    place = app(tmp_path)
    assert told(place) == []
    change(place / "Contents")
    found = told(place)
    assert {rule for rule, _ in found} == {"LC106"}
    assert any(says in message for _, message in found), found


def test_a_reader_that_notices_nothing_makes_the_rule_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = app(tmp_path)
    monkeypatch.setattr(signed, "signature", lambda *_: None)
    assert "a changed bit of Notes.app" in judged(place).inconclusive["LC106"]
