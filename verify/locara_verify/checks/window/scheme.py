"""LC432: addresses of every spelling, asked of what serves the page at `locara://app/`."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding

_PARTS: Final = (
    "..", ".", "", "%2e%2e", "%2E.", "..%2f", "%252e%252e", "..\\", "%5c..", "\0", "%00", "deep", "out", "away",
    "index.html", "canary.txt", "C:", "\\\\?\\", "~", "proc", "self", "root", "．．", "․․", "%c0%ae%c0%ae", ";", "?",
    "#",
)  # fmt: skip
_WALKS: Final = (
    ("deep", "away"),
    ("out", "canary.txt"),
    ("..", "canary.txt"),
    ("deep", "..", "..", "canary.txt"),
    ("deep", "away", "..", "canary.txt"),
)
"""Ways to the canary that the folder itself offers; each is spelled anew every time."""

_HEADS: Final = (
    "locara://app/", "locara://app//", "LOCARA://app/", "locara:///", "locara://app.evil/", "locara://x@app/",
    "locara:app/", "file:///", "locara://app:80/", "locara://app/../", "//app/", "locara://app\\",
)  # fmt: skip


@check("window.scheme", rules=("LC432",), quick=True)
def run(ctx: Context) -> CheckResult:
    """Generated addresses: nothing outside the page is ever served, what is served has the policy, the page loads."""
    from locara.ui.webkit.files import POLICY, serve  # noqa: PLC0415 - only this check needs it

    page, canary = _stage(ctx.fresh_dir("scheme"))
    rng = ctx.rng("window.scheme")
    findings: list[Finding] = []
    count = ctx.profile.fuzz_examples
    for _ in range(count):
        uri = _address(rng, page)
        served = serve(str(page), uri, "index.html")
        if served is None:
            continue
        if canary in served.data:
            findings.append(_finding(f"the address {uri!r} serves a file outside the page", uri))
        if dict(served.headers).get("Content-Security-Policy") != POLICY:
            findings.append(_finding(f"the address {uri!r} is served without the policy", uri))
    twin = serve(str(page), "locara://app/deep/page.js", "index.html")
    broken = {} if twin is not None and twin.data == b"1" else {"LC432": "the page's own file is not served"}
    return CheckResult(
        findings=tuple(findings[:5]), attempts={"LC432": count}, attacks=count, inconclusive=broken
    )


def _stage(folder: Path) -> tuple[Path, bytes]:
    canary = os.urandom(24).hex().encode()
    page = folder / "page"
    (page / "deep").mkdir(parents=True)
    (page / "index.html").write_bytes(b"<!doctype html>")
    (page / "deep" / "page.js").write_bytes(b"1")
    (folder / "canary.txt").write_bytes(canary)
    (page / "out").symlink_to(folder)
    (page / "deep" / "away").symlink_to(folder / "canary.txt")
    return page, canary


def _address(rng: Random, page: Path) -> str:
    kind = rng.random()
    if kind < 0.4:
        walk = "/".join(_spelled(rng, part) for part in rng.choice(_WALKS))
        return rng.choice(("locara://app/", "locara://app//", "locara://app/./")) + walk
    parts = rng.choices(_PARTS, k=rng.randint(1, 7))
    if kind < 0.6:
        parts.append(str(page.parent / "canary.txt"))
    return rng.choice(_HEADS) + rng.choice(("/", "//", "%2f", "\\")).join(parts)


def _spelled(rng: Random, part: str) -> str:
    """The same name, with letters written as codes here and there."""
    return "".join(f"%{ord(letter):02x}" if rng.random() < 0.2 else letter for letter in part)


def _finding(message: str, uri: str) -> Finding:
    return Finding(
        "LC432",
        message,
        because="the page's own files are all that a window may show",
        evidence={"uri": uri},
    )
