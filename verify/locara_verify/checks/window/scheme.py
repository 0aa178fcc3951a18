"""LC432: addresses of every spelling, asked of what serves the page at `locara://app/`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
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
    ("..", "page-evil", "canary.txt"),
)
"""Ways to the canary that the folder itself offers; each is spelled anew every time."""
_JOINS: Final = ("/", "//", "/./", "%2f", "%2F", "%252f", "\\", "%5c", "%5C/")
_DOTS: Final = ("..", "%2e%2e", ".%2E", "%252e%252e", "....//..")

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
    for uri in itertools.chain(_joined(), (_address(rng, page) for _ in range(count))):
        served = serve(str(page), uri, "index.html")
        if served is None:
            continue
        if canary in served.data:
            findings.append(_finding(f"the address {uri!r} serves a file outside the page", uri))
        if dict(served.headers).get("Content-Security-Policy") != POLICY:
            findings.append(_finding(f"the address {uri!r} is served without the policy", uri))
    findings += _elsewhere(page)
    twin = serve(str(page), "locara://app/deep/page.js", "index.html")
    broken = {} if twin is not None and twin.data == b"1" else {"LC432": "the page's own file is not served"}
    return CheckResult(
        findings=tuple(findings[:5]), attempts={"LC432": count}, attacks=count, inconclusive=broken
    )


_CLOSED: Final = {
    "default-src": {"'self'"}, "connect-src": {"'self'"}, "worker-src": {"'self'"}, "frame-src": {"'none'"},
    "object-src": {"'none'"}, "form-action": {"'none'"}, "base-uri": {"'none'"}, "style-src": {"'self'"},
    "script-src": {"'self'", "'wasm-unsafe-eval'"},
}  # fmt: skip
"""What a page may be let do at most, by the text of the design: nothing of it leads out, and no text becomes code."""


def _elsewhere(page: Path) -> list[Finding]:
    """Other origins of the scheme, things that are no files, and what stands beside each file that is served."""
    from locara.ui.webkit.files import serve  # noqa: PLC0415 - only this check needs it

    found = []
    heads = ("locara://", "locara://app.evil", "locara://evil", "locara://x@app", "locara://app:80", "locara://APP.",
             "https://app", "file://", "locara-x://app", "http://localhost")  # fmt: skip
    for head in heads:
        if serve(str(page), f"{head}/index.html", "index.html") is not None:
            found.append(_finding(f"the page is shown at {head}/, which is another origin", head))
    os.mkfifo(page / "pipe.txt")
    (page / "hole").mkdir()
    with (page / "huge.txt").open("wb") as huge:
        huge.truncate(300 << 20)
    for name in ("pipe.txt", "hole", "deep", "huge.txt", "none.txt"):
        if serve(str(page), f"locara://app/{name}", "index.html") is not None:
            found.append(_finding(f"{name} is served, which is no file that a page can have", name))
    for name, kind in (
        ("index.html", "text/html"),
        ("deep/page.js", "text/javascript"),
        ("odd.exe", "application/octet-stream"),
    ):
        (page / name).touch()
        served = serve(str(page), f"locara://app/{name}", "index.html")
        fields = {} if served is None else {key.lower(): value for key, value in served.headers}
        policy = {
            words[0]: set(words[1:])
            for part in fields.get("content-security-policy", "").split(";")
            if (words := part.split())
        }
        loose = [one for one, most in _CLOSED.items() if not policy.get(one) or not policy[one] <= most]
        if loose or any(
            set(words) & {"*", "http:", "https:", "'unsafe-inline'", "'unsafe-eval'"}
            for words in policy.values()
        ):
            found.append(_finding(f"the policy of {name} lets more out or in than it may: {loose}", name))
        beside = (
            fields.get("x-content-type-options"),
            fields.get("referrer-policy"),
            fields.get("content-type"),
        )
        if beside != ("nosniff", "no-referrer", kind):
            found.append(_finding(f"{name} is served with {beside}", name))
    return found


def _stage(folder: Path) -> tuple[Path, bytes]:
    canary = os.urandom(24).hex().encode()
    page = folder / "page"
    (page / "deep").mkdir(parents=True)
    (page / "index.html").write_bytes(b"<!doctype html>")
    (page / "deep" / "page.js").write_bytes(b"1")
    (folder / "page-evil").mkdir()
    for place in (folder, folder / "page-evil"):
        (place / "canary.txt").write_bytes(canary)
    (page / "out").symlink_to(folder)
    (page / "deep" / "away").symlink_to(folder / "canary.txt")
    return page, canary


def _joined() -> Iterator[str]:
    """Each way to the canary, with each sign that may stand for a slash between each spelling of its climbs."""
    for walk, join, dots in itertools.product(_WALKS, _JOINS, _DOTS):
        yield "locara://app/" + join.join(dots if part == ".." else part for part in walk)


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
