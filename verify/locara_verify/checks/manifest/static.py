"""LC001, LC002, LC004-LC007: what can be said of an app without running anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from locara.core.availability import Platform, unavailable
from locara.core.capability import Kind
from locara.core.request import NetRequest
from locara.core.scope import covers
from locara_verify.check import CheckResult, check
from locara_verify.checks.manifest.images import size_of
from locara_verify.checks.manifest.projections import projections
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.target import MANIFEST, Entry, Target

ICON_SIDE: Final = 512
ICON_LIMIT: Final = 200 * 1024
SCREENSHOT_LIMIT: Final = 2 * 1024 * 1024
"""Largest icon and screenshot, in bytes."""

SCHEMA: Final = "db/schema.sql"
_PLATFORMS: Final[dict[str, Platform]] = {"linux": "linux", "darwin": "macos", "win32": "windows"}


@check("manifest/text", rules=("LC001", "LC002"), broken_manifest=True, quick=True)
def text(ctx: Context) -> CheckResult:
    """Report every problem of the parser: those of the JSON text as LC001, those of its fields as LC002."""
    findings = tuple(
        Finding(
            "LC001" if problem.code.startswith("json_") else "LC002",
            problem.message,
            because=f"{problem.code} at {problem.pointer or 'the top'}"
            + (f"; {problem.fix}" if problem.fix else ""),
            file=MANIFEST,
            line=problem.line,
            evidence={"code": problem.code, "pointer": problem.pointer, "column": problem.column},
        )
        for problem in ctx.target.problems
    )
    if any(finding.rule_id == "LC001" for finding in findings):
        return CheckResult(findings, {"LC001": 1}, inconclusive={"LC002": "the text is not strict JSON"})
    return CheckResult(findings, {"LC001": 1, "LC002": 1})


@check("manifest/static", rules=("LC004", "LC005", "LC006", "LC007"), quick=True)
def static(ctx: Context) -> CheckResult:
    """All that needs a valid manifest and nothing else, in one process: each part is over in milliseconds."""
    parts = (files(ctx), availability(ctx), breadth(ctx), projections(ctx))
    return CheckResult(
        findings=tuple(finding for part in parts for finding in part.findings),
        attempts={rule: count for part in parts for rule, count in part.attempts.items()},
        decisions=sum(part.decisions for part in parts),
    )


def replay(ctx: Context, case: Mapping[str, Any]) -> CheckResult:
    """Repeat one comparison of projections."""
    return projections(ctx, case)


def files(ctx: Context) -> CheckResult:
    """Look at every file that the manifest names and at every link in the parts that the runtime reads."""
    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("this check needs a valid manifest")
    found: list[Finding] = []
    attempts = 0
    pictures = [("/icon", manifest.icon), *_numbered("/screenshots", manifest.screenshots)]
    for pointer, path in pictures:
        attempts += 1
        found += _picture(ctx, pointer, path, icon=pointer == "/icon")
    for pointer, path, what in _needed(ctx.target):
        attempts += 1
        entry = _entry(ctx.target, path)
        if entry is None:
            found.append(_bad(ctx, pointer, f"{path} is missing: {what}"))
        elif entry.kind not in ("file", "exec"):
            found.append(_bad(ctx, pointer, f"{path} is not an ordinary file"))
    for entry in ctx.target.entries:
        parts = PurePosixPath(entry.path).parts
        if parts[0] in ("db", PurePosixPath(manifest.build.out).parts[0]) or entry.path == manifest.icon:
            attempts += 1
            if entry.kind in ("link", "special"):
                found.append(
                    _bad(
                        ctx, "", f"{entry.path} is a {entry.kind}, and the runtime reads only ordinary files"
                    )
                )
    return CheckResult(tuple(found), {"LC004": attempts})


def _needed(target: Target) -> Iterator[tuple[str, str, str]]:
    """Pointer, path and purpose of each file the runtime opens by name."""
    manifest = target.manifest
    if manifest is None:
        return
    yield "/entry", manifest.entry, "build the page first, or correct `entry`"
    if any(entry.path.startswith("db/") for entry in target.entries):
        yield "/storage", SCHEMA, "an app with a db folder describes its database there"


def _numbered(pointer: str, paths: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(f"{pointer}/{number}", path) for number, path in enumerate(paths)]


def _entry(target: Target, path: str) -> Entry | None:
    return next((entry for entry in target.entries if entry.path == path), None)


def _picture(ctx: Context, pointer: str, path: str, *, icon: bool) -> Iterator[Finding]:
    entry = _entry(ctx.target, path)
    limit = ICON_LIMIT if icon else SCREENSHOT_LIMIT
    if entry is None or entry.kind not in ("file", "exec"):
        yield _bad(ctx, pointer, f"{path} is missing or is not an ordinary file")
        return
    if entry.size > limit:
        yield _bad(ctx, pointer, f"{path} has {entry.size:,} bytes, and at most {limit:,} are allowed")
        return
    try:
        kind, width, height = size_of((ctx.target.path / path).read_bytes())
    except ValueError as error:
        yield _bad(ctx, pointer, f"{path}: {error}")
        return
    if icon and (kind, width, height) != ("png", ICON_SIDE, ICON_SIDE):
        yield _bad(ctx, pointer, f"{path} is a {kind} of {width} by {height}; an icon is a PNG of 512 by 512")


def _bad(ctx: Context, pointer: str, message: str) -> Finding:
    return Finding("LC004", message, file=MANIFEST, line=_line(ctx, pointer), evidence={"pointer": pointer})


def _line(ctx: Context, pointer: str) -> int:
    manifest = ctx.target.manifest
    return 1 if manifest is None else manifest.position(pointer)[0]


def availability(ctx: Context) -> CheckResult:
    """Note each declared capability that this platform and version cannot give."""
    platform: Platform = _PLATFORMS.get(sys.platform, "linux")
    lines = {grant.kind: grant.origin.line for grant in ctx.grants.grants}
    findings = tuple(
        Finding(
            "LC005",
            f"{item.kind.value} is declared and cannot be used on {platform}",
            because=item.reason,
            file=MANIFEST,
            line=lines[item.kind],
        )
        for item in unavailable(ctx.grants, platform)
    )
    return CheckResult(findings, {"LC005": max(1, len(ctx.grants.grants))})


def breadth(ctx: Context) -> CheckResult:
    """Warn of grants that are wider than most apps need."""
    findings = tuple(
        Finding("LC007", message, because=f"declared as {declared}", file=MANIFEST, line=line)
        for message, declared, line in _broad(ctx)
    )
    return CheckResult(findings, {"LC007": max(1, len(ctx.grants.grants))})


def _broad(ctx: Context) -> Iterator[tuple[str, str, int]]:
    for grant in ctx.grants.grants:
        declared, line = grant.origin.declared, grant.origin.line
        if grant.kind is Kind.NET:
            if covers(grant.scope, NetRequest("any-host-at-all.example", 443)):
                yield "every host on the network is granted", declared, line
            elif "*." in declared:
                yield "a wildcard grants every sub-domain", declared, line
        elif grant.kind is Kind.FS_USER_PATHS and "read-write" in declared:
            yield "a whole folder of the person is granted for writing", declared, line
        elif grant.kind is Kind.OPEN_EXTERNAL and "*." in declared:
            yield "pages of every sub-domain may be opened", declared, line
        elif grant.kind is Kind.SYSTEM_AUDIO:
            yield "everything the computer plays can be recorded", declared, line
