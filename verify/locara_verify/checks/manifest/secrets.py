"""LC008: what an app ships holds no private key, no access token and no secret of the machine that built it.

A bundler that writes variables of its environment into a page has published signing keys before. So three things are
looked for in every shipped file: texts that only a secret has the form of, the values of this process's own secret
variables, and the values in the app's ``.env`` files. Each is found as it is, in a string of JavaScript, in base64, in
hexadecimal digits and in UTF-16. Before that the search must find a planted one of each kind in each spelling.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.oracle.canaries import spellings

RULE: Final = "LC008"
LEAST: Final = 12
"""Characters that a value has at least for it to be taken for a secret: shorter ones occur by chance."""

_PART: Final = rb"[A-Za-z0-9_-]"
FORMS: Final[Mapping[str, re.Pattern[bytes]]] = {
    "a private key (PEM)": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "a private key (JWK)": re.compile(rb'"d"\s*:\s*"[A-Za-z0-9_-]{42,}"'),
    "an age key": re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    "a minisign key": re.compile(rb"RWRTY0I[yz][A-Za-z0-9+/]{100,}"),
    "a GitHub token": re.compile(rb"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})"),
    "a GitLab token": re.compile(rb"glpat-" + _PART + rb"{20}"),
    "an AWS key": re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "a Google API key": re.compile(rb"AIza" + _PART + rb"{35}"),
    "a Slack token": re.compile(rb"xox[abposr]-[0-9A-Za-z-]{20,}"),
    "an npm token": re.compile(rb"npm_[A-Za-z0-9]{36}"),
    "a PyPI token": re.compile(rb"pypi-AgE" + _PART + rb"{50,}"),
    "a Hugging Face token": re.compile(rb"hf_[A-Za-z]{34}"),
    "an OpenAI or Anthropic key": re.compile(
        rb"(?<![A-Za-z0-9_-])sk-(?:[a-z]+[0-9]*-){0,2}[A-Za-z0-9_]{20,}"
    ),
    "a Stripe key": re.compile(rb"(?<![A-Za-z0-9_])[rs]k_live_[0-9A-Za-z]{24,}"),
}
_PEM: Final = "-----BEGIN PRIVATE KEY-----"
_SECRET_NAME: Final = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL|PRIVATE", re.IGNORECASE)
_ENV_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*([\"']?)(.*?)\2\s*")
_MOST_ENV_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: forms, and values by what they are called. Values are never shown."""

    values: Mapping[str, tuple[bytes, ...]]
    disguised: Mapping[str, tuple[bytes, ...]]

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> Search:
        """A search for these values in every spelling."""
        begin = tuple(one for one in spellings(_PEM) if one != _PEM.encode())
        return cls(
            {name: tuple(spellings(value)) for name, value in secrets.items()}, {"a private key (PEM)": begin}
        )

    def found(self, data: bytes) -> Iterator[tuple[str, int]]:
        """What the bytes hold, and where."""
        for what, form in FORMS.items():
            if (match := form.search(data)) is not None:
                yield what, match.start()
        for group in (self.values, self.disguised):
            for what, needles in group.items():
                for needle in needles:
                    if (at := data.find(needle)) >= 0:
                        yield what, at
                        break


def secrets_of(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The values that must not be shipped, by a name that may be shown."""
    found = {
        f"the value of the variable {name}": value
        for name, value in environ.items()
        if _SECRET_NAME.search(name) and _is_secret(value)
    }
    for place in sorted(folder.glob(".env*")):
        try:
            with place.open("rb") as file:
                text = file.read(_MOST_ENV_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            said = _ENV_LINE.fullmatch(line)
            if said is not None and _SECRET_NAME.search(said[1]) and _is_secret(said[3]):
                found[f"the value of {said[1]} in {place.name}"] = said[3]
    return found


def _is_secret(value: str) -> bool:
    """Whether a value is worth a search: no path, no address, no word of many letters that are alike."""
    return (
        len(value) >= LEAST
        and not value.startswith(("/", "~", "http://", "https://"))
        and len(set(value)) > 6
    )


def shipped(ctx: Context) -> Iterator[str]:
    """Every file that is part of the published app."""
    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("this check needs a valid manifest")
    named = {"locara.json", manifest.icon, *manifest.screenshots}
    folders = ("db", PurePosixPath(manifest.build.out).parts[0])
    for entry in ctx.target.entries:
        if entry.kind in ("file", "exec") and (
            entry.path in named or PurePosixPath(entry.path).parts[0] in folders
        ):
            yield entry.path


def planted() -> Iterator[tuple[str, str, bytes]]:
    """A secret of each kind inside a page: (spelling, what must be found, bytes)."""
    value = "Zq7-canary-Xv31-of-a-variable"
    for number, needle in enumerate((*spellings(value), f'"{value}\\n"'.encode())):
        yield f"spelling {number}", "planted", b'var a="x' + needle + b'";'
    body = base64.b64encode(bytes(range(48))).decode()
    for number, text in enumerate((f"{_PEM}\n{body}", f'"{_PEM}\\n{body}"', f"{_PEM}{body}")):
        yield f"key as text {number}", "a private key (PEM)", text.encode()
        yield (
            f"key in base64 {number}",
            "a private key (PEM)",
            base64.b64encode(b"x" * number + text.encode()),
        )


@check("manifest/secrets", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Search every shipped file; first prove that the search finds what is planted."""
    control = Search.of({"planted": "Zq7-canary-Xv31-of-a-variable"})
    for what, name, data in planted():
        if name not in {found for found, _ in control.found(b"<script>" + data + b"</script>")}:
            return CheckResult(
                (), {RULE: 0}, inconclusive={RULE: f"the search does not find {name} ({what})"}
            )
    search = Search.of(secrets_of(os.environ, ctx.target.path))
    findings: list[Finding] = []
    tried = 0
    for path in shipped(ctx):
        tried += 1
        data = (ctx.target.path / path).read_bytes()
        for what, at in search.found(data):
            line = data.count(b"\n", 0, at) + 1
            message = f"{what} is shipped in {path}"
            findings.append(
                Finding(RULE, message, because=f"at byte {at:,}; it is not shown here", file=path, line=line)
            )
    return CheckResult(first_of_each(findings), {RULE: tried})
