"""Every program and library of a folder, with what its signature says of it and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.codesign.blobs import AD_HOC, RUNTIME, WEAK, Beside, Signature, signature
from locara_verify.codesign.bundle import Bundle, faults_of_seal, is_bundle, open_bundle
from locara_verify.codesign.cms import signer
from locara_verify.codesign.entitlements import entitlements
from locara_verify.codesign.macho import EXECUTE, MalformedError, Slice, is_macho, slices

MAIN: Final = "main"
HELPER: Final = "helper"
LIBRARY: Final = "library"
_OF_THE_SYSTEM: Final = ("/usr/lib/", "/System/Library/")
_OF_THE_BUNDLE: Final = ("@executable_path/", "@loader_path/", "@rpath/", "@executable_path", "@loader_path")
_CPUS: Final = {0x0100000C: "arm64", 0x01000007: "x86_64"}
_LARGEST: Final = 2 << 30
_CDHASH: Final = 20


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed in one slice: its processor, entitlements, and who signed, empty where nobody did."""

    cpu: str
    entitlements: Mapping[str, Any]
    signer: str


@dataclass(slots=True)
class Program:
    """One file for the loader of macOS. ``role``: the program of an app, one that it starts, or a library; ``digests``:
    what the system knows it by, the beginning of each directory's digest, nothing where it is not signed."""

    name: str
    role: str
    signed: list[Signed] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Audit:
    """All of a folder: its programs, and of each bundle what its property list says and its seal does not cover."""

    programs: list[Program] = field(default_factory=list)
    bundles: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def has_programs(folder: Path, names: Iterator[str]) -> bool:
    """Whether any of these files of a folder is for the loader of macOS, or lies in an app for it."""
    return any(".app/" in f"/{name}" or _begins_as_one(folder / name) for name in names)


def audit(folder: Path, names: Iterator[str]) -> Audit:
    """Read all of these files below a folder that are programs, and each bundle. Nothing is run; raises nothing."""
    found, mine = Audit(), dict[Path, Bundle]()
    listed = sorted(names)
    for place in sorted(
        {parent for name in listed for parent in (folder / name).parents if is_bundle(parent)}
    ):
        told = place.relative_to(folder).as_posix()
        try:
            bundle = open_bundle(place)
        except MalformedError as error:
            found.faults.append((told, str(error)))
            continue
        if bundle.program.is_symlink() or not bundle.program.is_file():
            found.faults.append((told, "the program that its property list names is not there"))
        mine[bundle.program] = bundle
        found.bundles[told] = bundle.facts
    known = dict[Path, set[bytes]]()
    for name in listed:
        path = folder / name
        if not path.is_symlink() and (path in mine or _begins_as_one(path)):
            found.programs.append(_program(name, path, mine.get(path), folder))
            known[path] = found.programs[-1].digests
    for bundle in mine.values():
        told = bundle.folder.relative_to(folder).as_posix()
        try:
            found.faults += [(told, fault) for fault in faults_of_seal(bundle, known)]
        except (MalformedError, OSError) as error:
            found.faults.append((told, str(error)))
    _of_one_signer(found.programs)
    return found


def _of_one_signer(programs: list[Program]) -> None:
    """What the app's program loads and starts was signed by who signed it: that is what the system goes by."""
    main = next((one for one in programs if one.role == MAIN and one.signed), None)
    if main is None:
        return
    own = main.signed[0].signer
    for one in programs:
        for other in sorted({signed.signer for signed in one.signed} - {own}):
            who, whose = other or "nobody", own or "nobody"
            one.faults.append(f"it is signed by {who}, and the program of the app by {whose}")


def beside_of(path: Path) -> Beside:
    """What a program signs beside itself: something where it is the program of a bundle. Raises MalformedError."""
    for parent in path.parents:
        if is_bundle(parent):
            bundle = open_bundle(parent)
            return bundle.beside() if bundle.program == path else Beside()
    return Beside()


def _begins_as_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_macho(file.read(8))
    except OSError:
        return False


def _program(name: str, path: Path, bundle: Bundle | None, folder: Path) -> Program:
    one = Program(name, LIBRARY)
    try:
        if path.stat().st_size > _LARGEST:
            raise MalformedError("it is larger than is read here")
        parts = slices(path.read_bytes())
        if any(part.kind == EXECUTE for part in parts):
            one.role = MAIN if _is_main(path, bundle, folder) else HELPER
        beside = Beside() if bundle is None else bundle.beside()
        for part in parts:
            one.faults += _loaded(part)
            found = signature(part, beside)
            one.faults += _asked(found, bundle, one.role)
            one.digests |= {directory.digest[:_CDHASH] for directory in found.directories}
            who = signer(found) if found.cms else ""
            one.signed.append(Signed(_CPUS.get(part.cpu, f"{part.cpu:#x}"), entitlements(found), who))
    except (MalformedError, OSError) as error:
        one.faults.append(str(error))
    one.faults = list(dict.fromkeys(one.faults))
    return one


def _is_main(path: Path, bundle: Bundle | None, folder: Path) -> bool:
    """The program of an app that lies in no other bundle; or one that lies in none at all."""
    around = [parent for parent in path.relative_to(folder).parents if is_bundle(folder / parent)]
    if not around:
        return True
    return bundle is not None and len(around) == 1 and bundle.folder.suffix.lower() == ".app"


def _loaded(part: Slice) -> Iterator[str]:
    """Libraries come from the system or out of the bundle, and no variable of the loader is set."""
    for place in part.loads:
        clean = ".." not in place.split("/") or place.startswith(_OF_THE_BUNDLE)
        if not place.startswith((*_OF_THE_SYSTEM, *_OF_THE_BUNDLE)) or not clean:
            yield f"it looks for a library in {place[:200]}, which is neither of the system nor of the bundle"
    for variable in part.environment:
        yield f"it sets the loader's {variable[:200]}"


def _asked(found: Signature, bundle: Bundle | None, role: str) -> Iterator[str]:
    """Somebody signed or nobody, as the flags say; who signed has the hardened runtime; the name is the bundle's."""
    ad_hoc = bool(found.flags & AD_HOC)
    if ad_hoc == bool(found.cms):
        yield (
            "it says that nobody signed it, and somebody did"
            if ad_hoc
            else "nobody signed it, and it does not say so"
        )
    if not ad_hoc and role != LIBRARY and not found.flags & RUNTIME:
        yield "it is signed without the hardened runtime"
    for one in found.directories:
        yield from (f"its signature {what}" for flag, what in WEAK.items() if one.flags & flag)
        if one.segment not in (0, 1):
            yield f"its signature gives its code rights ({one.segment:#x}) that only entitlements may give"
    wanted = bundle and bundle.facts.get("CFBundleIdentifier")
    if wanted and found.directories[0].identifier != wanted:
        yield f"it is signed as {found.directories[0].identifier[:100]}, and its bundle is {str(wanted)[:100]}"
