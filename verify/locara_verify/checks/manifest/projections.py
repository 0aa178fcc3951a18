"""LC006: commands, consent, label, kernel profile and entitlements say what the manifest says."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.consent import ConsentText, consent_text
from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.label import Label, privacy_label
from locara.core.manifest import parse_manifest
from locara.core.request import Access, FsRequest
from locara.core.surface import command_table
from locara.errors import ManifestError
from locara.records import dataclass
from locara.sandbox.entitlements import entitlements
from locara.sandbox.profile import Profile, profile
from locara_verify.check import CheckResult
from locara_verify.checks.manifest.story import CAPABILITIES, story_of
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding, first_of_each
from locara_verify.strategies import manifests
from locara_verify.target import MANIFEST

CHECK: Final = "manifest/static"
GENERATED: Final = "generated"
LEAST: Final = 20
EXAMPLES: Final = 5
"""Of so many examples of a fuzzer one is a manifest whose projections are judged: each takes a millisecond."""
RISKS: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Shown:
    """All projections of one manifest."""

    commands: frozenset[str]
    consent: ConsentText
    label: Label
    kernel: Profile
    entitlements: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """One capability with less and with more of it. ``seen_in`` names the projections that must differ."""

    capability: str
    less: JSON
    more: JSON
    seen_in: tuple[str, ...]


_TOLD: Final = ("consent", "label")
_PIN: Final = "verifier-probe@sha256:" + "5e" * 32
CHANGES: Final = (
    Change("net", False, True, ("commands", *_TOLD, "kernel", "entitlements")),
    Change(
        "net", False, {"allowed_hosts": ["a.example.org"]}, ("commands", *_TOLD, "kernel", "entitlements")
    ),
    Change("net", {"allowed_hosts": ["a.example.org"]}, True, _TOLD),
    Change("net", {"allowed_hosts": ["a.example.org"]}, {"allowed_hosts": ["*.example.org"]}, _TOLD),
    Change("fs.user-selected", False, "read", ("commands", *_TOLD, "entitlements")),
    Change("fs.user-selected", "read", "read-write", (*_TOLD, "entitlements")),
    Change("fs.app-data", False, "read-write", _TOLD),
    Change("fs.app-data", "read", "read-write", _TOLD),
    Change("fs.user-paths", {}, {"documents": "read"}, (*_TOLD, "kernel")),
    Change(
        "fs.user-paths",
        {"downloads": "read"},
        {"downloads": "read-write"},
        (*_TOLD, "kernel", "entitlements"),
    ),
    Change("models", [], [_PIN], (*_TOLD, "kernel")),
    Change("device.microphone", False, True, (*_TOLD, "entitlements")),
    Change("device.camera", False, True, (*_TOLD, "entitlements")),
    Change("device.system-audio", False, True, _TOLD),
    Change("tools", [], [_PIN], _TOLD),
    Change("shared-folders", [], [{"id": "probe", "with": ["a/b"], "access": "read"}], _TOLD),
    Change("clipboard", {"read": False}, {"read": True}, _TOLD),
    Change("notifications", {"modes": []}, {"modes": ["alert"]}, _TOLD),
    Change("background", {"mode": False}, {"mode": "passive", "reasons": ["a reason"]}, _TOLD),
    Change("open-external", None, {"hosts": ["a.example.org"]}, _TOLD),
)


@dataclass(slots=True)
class _Notes:
    line: Callable[[str], int]
    findings: list[Finding] = field(default_factory=list)
    attempts: int = 0
    decisions: int = 0

    def expect(self, held: bool, message: str, case: Mapping[str, JSON], **evidence: JSON) -> None:
        self.attempts += 1
        if not held:
            self.findings.append(
                Finding(
                    "LC006",
                    message,
                    because="the plain JSON of the manifest says otherwise",
                    file=MANIFEST,
                    line=self.line(str(case.get("capability", ""))),
                    evidence={**case, **evidence},
                    replay={"check": CHECK, "case": dict(case)},
                )
            )


def projections(ctx: Context, case: Mapping[str, Any] | None = None) -> CheckResult:
    """Judge the app's own manifest, each capability with less and with more of it in a copy, and generated manifests.

    ``case`` is that of a finding's replay and limits the work to it.
    """
    notes = _Notes(_lines(ctx.grants))
    if case is not None and case["change"] == GENERATED:
        _judge(notes, case["manifest"], case)
        return CheckResult(tuple(notes.findings), {"LC006": notes.attempts}, decisions=notes.decisions)
    chosen = range(len(CHANGES)) if case is None else [case["change"]]
    for number in chosen:
        if isinstance(number, int):
            _follow(notes, ctx, number)
    if case is None or case["change"] == "none":
        _judge(notes, json.loads(ctx.target.manifest_bytes), {"change": "none"})
        _unmoved(notes, ctx)
    if case is None:
        _generated(notes, ctx)
    return CheckResult(first_of_each(notes.findings), {"LC006": notes.attempts}, decisions=notes.decisions)


def _generated(notes: _Notes, ctx: Context) -> None:
    """Manifests of every mixture: what one capability shows must not hang on what stands beside it."""
    rng = ctx.rng("projections")
    for _ in range(max(LEAST, ctx.profile.fuzz_examples // EXAMPLES)):
        document = manifests.valid(rng)
        _judge(notes, document, {"change": GENERATED, "manifest": document})


def _lines(grants: Grants) -> Callable[[str], int]:
    lines = {grant.kind.value: grant.origin.line for grant in grants.grants}
    return lambda capability: lines.get(capability, 1)


def _unmoved(notes: _Notes, ctx: Context) -> None:
    """The control: words that grant nothing change no projection."""
    document = json.loads(ctx.target.manifest_bytes)
    shown = _show(_grants(document))
    document["description"] = "Other words that grant nothing"
    notes.expect(
        _show(_grants(document)) == shown, "a description changed what the app may do", {"change": "none"}
    )


def _follow(notes: _Notes, ctx: Context, number: int) -> None:
    """Both sides of a change tell their story, every projection named follows it, and risk never sinks."""
    change = CHANGES[number]
    case: dict[str, JSON] = {"change": number, "capability": change.capability}
    sides: list[tuple[Grants, Shown]] = []
    for value in (change.less, change.more):
        document = _with(json.loads(ctx.target.manifest_bytes), change.capability, value)
        try:
            grants = _grants(document)
        except ManifestError as error:
            text = f"the parser refuses {change.capability} = {json.dumps(value)}: {error.message}"
            notes.expect(False, text, case)
            return
        _judge(notes, document, case)
        sides.append((grants, _show(grants)))
    (_, less), (_, more) = sides
    for name in change.seen_in:
        same = getattr(less, name) == getattr(more, name)
        added = f"{json.dumps(change.capability)}: {json.dumps(change.more)}"
        notes.expect(not same, f"adding {added} does not show in the {name}", case, projection=name)
    sinks = RISKS.index(more.label.risk) < RISKS.index(less.label.risk)
    notes.expect(not sinks, f"more of {change.capability} lowers the risk on the label", case)


def _with(document: dict[str, Any], capability: str, value: JSON) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    if value is None:
        changed["capabilities"].pop(capability, None)
    else:
        changed["capabilities"][capability] = value
    if capability == "models":
        # What names a model goes with it; otherwise the manifest would contradict itself.
        changed.pop("modalities", None)
        changed.pop("profiles", None)
    if capability == "tools":
        changed.pop("tooling", None)
    return changed


def _grants(document: Mapping[str, Any]) -> Grants:
    return compile_grants(parse_manifest(json.dumps(document, ensure_ascii=False).encode()))


def _show(grants: Grants) -> Shown:
    return Shown(
        command_table(grants),
        consent_text(grants),
        privacy_label(grants),
        profile(grants),
        frozenset(entitlements(grants)),
    )


def _judge(notes: _Notes, document: Mapping[str, Any], case: Mapping[str, JSON]) -> None:
    """Every projection of ``document`` says exactly what its plain JSON says."""
    grants = _grants(document)
    shown, story = _show(grants), story_of(document)
    granted = {grant.kind.value for grant in grants.grants}
    named = {item.partition(":")[0] for item in shown.consent.models}
    binds = {bind.role: bind.writable for bind in shown.kernel.binds}
    told = (len(shown.consent.may), len(shown.consent.may_not))
    facts: Iterator[tuple[str, object, object]] = iter(
        (
            ("granted capabilities", granted, set(story.kinds)),
            ("commands", shown.commands, story.commands),
            (
                "lines of the consent text",
                told,
                (len(granted) + story.skills, len(CAPABILITIES) - len(granted)),
            ),
            ("models in the consent text", named, set(story.models)),
            ("fully local on the label", "fully local" in shown.label.badges, story.local),
            ("lines of the label", shown.label.may, shown.consent.may),
            ("network of the kernel profile", shown.kernel.net, story.network),
            ("places of the kernel profile", binds, dict(story.binds)),
            ("entitlements", shown.entitlements, story.entitlements),
        )
    )
    for name, found, expected in facts:
        notes.expect(
            found == expected,
            f"{name}: not what the manifest declares",
            case,
            found=_text(found),
            expected=_text(expected),
        )
    for role, writable in binds.items():
        if role.startswith("root:"):
            access: Access = "write" if writable else "read"
            notes.decisions += 1
            allowed = decide(grants, FsRequest(role[5:], "a", access)).allowed
            notes.expect(allowed, f"the kernel opens {role} for {access} and the runtime does not", case)


def _text(value: object) -> str:
    return str(sorted(value)) if isinstance(value, (set, frozenset)) else str(value)
