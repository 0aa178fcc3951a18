"""LC051 to LC053: the sources of the page use what the manifest opens, all of it, and in a way that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from locara.core.capability import FS_KINDS, Kind
from locara.core.grant import Grant, Grants
from locara.core.manifest import Manifest
from locara.core.scope import AtomScope
from locara.core.surface import COMMANDS, NOT_HERE, command_table
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.analyser import sources
from locara_verify.checks.analyser.flow import Doubt, Use
from locara_verify.checks.analyser.reading import Reading, read
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding, Severity
from locara_verify.target import MANIFEST, Target

RULES: Final = ("LC051", "LC052", "LC053")
_WRITES: Final = frozenset({"fs.write", "fs.remove", "fs.mkdir"})


def has_sources(target: Target) -> str | None:
    """None when there is a script to read, else why the rules have no place in a plan."""
    page = sources.frontend(target)
    return None if page.roots or page.unread else "the app has no sources of a page"


@check("analyser/use", rules=RULES, applies=has_sources, quick=True)
def use(ctx: Context) -> CheckResult:
    """Read the sources once and hold what they use against what is declared."""
    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("this check needs a valid manifest")
    reading = read(sources.frontend(ctx.target))
    return judge(reading, ctx.grants, manifest)


def judge(reading: Reading, grants: Grants, manifest: Manifest) -> CheckResult:
    """The findings of one reading under these grants."""
    declared = list(_declared(grants, manifest))
    return CheckResult(
        (*undeclared(reading, grants), *_unused(reading, declared), *_doubtful(reading, grants)),
        {
            "LC051": max(len(reading.uses), reading.files),
            "LC052": max(1, len(declared)),
            "LC053": reading.files + len(reading.doubts),
        },
    )


def undeclared(reading: Reading, grants: Grants) -> Iterator[Finding]:
    """A finding for each place that uses a command which does not exist for the app."""
    table = command_table(grants)
    for one in reading.uses:
        for command in one.commands:
            if command not in table:
                yield _undeclared(one, command)


def _undeclared(one: Use, command: str) -> Finding:
    spec = COMMANDS.get(command)
    evidence: dict[str, JSON] = {"command": command, "via": one.via, "column": one.column}
    if spec is None:
        reason = NOT_HERE.get(command.partition(".")[0], "no version of the manifest opens it")
        return Finding(
            "LC051", f"{command} is used and is no command", reason, one.file, one.line, evidence=evidence
        )
    return Finding(
        "LC051",
        f"{command} is used, and locara.json does not open it",
        because=f"`{one.via}` needs {spec.capability}; add {spec.fix}",
        file=one.file,
        line=one.line,
        evidence=evidence,
    )


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration: how a person finds it, its line, and the commands that would vanish with it."""

    words: str
    line: int
    commands: frozenset[str]


def _declared(grants: Grants, manifest: Manifest) -> Iterator[Declared]:
    """Every declaration that opens commands of its own: what goes when it alone is taken out."""
    table = command_table(grants)
    rests: list[tuple[str, str, Grants]] = [
        (f"/modalities/{at}", name, replace(grants, modalities=grants.modalities - {name}))
        for at, name in enumerate(manifest.modalities)
    ]
    rests += [
        (f"/tooling/{at}", name, replace(grants, tooling=grants.tooling - {name}))
        for at, name in enumerate(manifest.tooling)
    ]
    for pointer, name, rest in rests:
        words = f"{pointer.split('/')[1]}: {name}"
        yield Declared(words, manifest.position(pointer)[0], table - command_table(rest))
    for grant in grants.grants:
        # The app's own data is granted also where nothing is said of it: taking the line out changes nothing.
        if grant.kind is not Kind.FS_APP_DATA:
            for words, rest in _without(grants, grant):
                yield Declared(words, grant.origin.line, table - command_table(rest))


def _without(grants: Grants, grant: Grant) -> Iterator[tuple[str, Grants]]:
    others = tuple(one for one in grants.grants if one is not grant)
    scope = grant.scope
    if not isinstance(scope, AtomScope) or grant.kind not in (*FS_KINDS, Kind.CLIPBOARD):
        yield grant.kind.value, replace(grants, grants=others)
        return
    if grant.kind is not Kind.CLIPBOARD:
        yield grant.kind.value, replace(grants, grants=others)
    uses = {use for _, use in scope.atoms}
    for one in sorted(uses if grant.kind is Kind.CLIPBOARD else uses & {"write"}):
        kept = frozenset(atom for atom in scope.atoms if atom[1] != one)
        left = (replace(grant, scope=AtomScope(grant.kind, kept)),) if kept else ()
        yield f"{grant.kind.value} ({one})", replace(grants, grants=(*others, *left))


def _unused(reading: Reading, declared: list[Declared]) -> Iterator[Finding]:
    whole: set[str] = set()
    for one in declared:
        name = one.words.partition(" (")[0]
        if not one.commands or one.commands & reading.commands or name in whole:
            continue
        if one.words == name:
            whole.add(name)
        unsure = [doubt for doubt in reading.doubts if doubt.reach is None or one.commands & set(doubt.reach)]
        named = ", ".join(sorted(one.commands))
        yield Finding(
            "LC052",
            f"{one.words} is declared, and the page does not use it",
            because=f"it opens {named}, which no source names"
            + (f"; {len(unsure)} places could not be followed (LC053)" if unsure else ""),
            file=MANIFEST,
            line=one.line,
            evidence={"commands": sorted(one.commands)},
        )


def _doubtful(reading: Reading, grants: Grants) -> Iterator[Finding]:
    table = command_table(grants)
    for doubt in reading.doubts:
        beyond = None if doubt.reach is None else sorted(set(doubt.reach) - table)
        yield Finding(
            "LC053",
            doubt.words,
            because=_beyond(doubt, beyond),
            file=doubt.file,
            line=doubt.line,
            evidence={"kind": doubt.kind, "column": doubt.column},
            severity=Severity.NOTE if beyond == [] else None,
        )


def _beyond(doubt: Doubt, beyond: list[str] | None) -> str:
    if beyond is None:
        return f"{doubt.kind}: any command could be used there"
    if beyond:
        return f"{doubt.kind}: {', '.join(beyond)} could be used there, which locara.json does not open"
    return f"{doubt.kind}: nothing can be used there that is not open"
