"""What the app may do, in the words of each projection: grants, consent, label, kernel profile, commands."""

from __future__ import annotations

from locara.core.capability import Kind
from locara.core.consent import consent_text
from locara.core.grant import Grants
from locara.core.label import privacy_label
from locara.core.surface import command_table
from locara.sandbox.entitlements import entitlements
from locara.sandbox.profile import profile
from locara_verify.finding import JSON
from locara_verify.target import Target


def describe(target: Target) -> dict[str, JSON] | None:
    """The app's powers as plain data, or None when its manifest is not valid."""
    manifest = target.manifest
    if manifest is None:
        return None
    grants = target.grants
    return {
        "id": manifest.app_id,
        "version": grants.version,
        "manifest_digest": str(manifest.digest),
        "grants": [
            {
                "capability": grant.kind.value,
                "declared": grant.origin.declared,
                "file": grant.origin.source,
                "line": grant.origin.line,
            }
            for grant in grants.grants
        ],
        "consent": consent(grants),
        "label": label(grants),
        "kernel": kernel(grants),
        "commands": sorted(command_table(grants)),
    }


def consent(grants: Grants) -> dict[str, JSON]:
    """What a person is told before the first launch."""
    text = consent_text(grants)
    return {
        "title": text.title,
        "may": list(text.may),
        "may_not": list(text.may_not),
        "models": list(text.models),
    }


def label(grants: Grants) -> dict[str, JSON]:
    """What the catalogue shows."""
    value = privacy_label(grants)
    return {"badges": list(value.badges), "risk": value.risk, "reasons": list(value.reasons)}


def kernel(grants: Grants) -> dict[str, JSON]:
    """What the kernel is told: the Linux launch profile and the macOS entitlements."""
    linux = profile(grants)
    return {
        "network": linux.net,
        "binds": [
            {"role": bind.role, "at": bind.dest, "access": "read-write" if bind.writable else "read"}
            for bind in linux.binds
        ],
        "entitlements": {key: _plain(value) for key, value in sorted(entitlements(grants).items())},
    }


def _plain(value: object) -> JSON:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)


def granted(grants: Grants) -> frozenset[Kind]:
    """The kinds that the grants name."""
    return frozenset(grant.kind for grant in grants.grants)
