"""What may be published: every kind of target is read as its readers will read it, before it is signed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from locara.core.strict_json import parse
from locara.errors import ManifestError, UsageError
from locara.models.index import parse_index
from locara.models.web import Url
from locara.trust.repository.names import (
    MODELS,
    SIGNING_CONFIG,
    TOOLS,
    TRUST_INSTANCE,
    TRUSTED_ROOT,
    app_target,
)

MAX_BYTES: Final = 8 << 20
_FIXED: Final = {
    "models": MODELS,
    "tools": TOOLS,
    "trusted-root": TRUSTED_ROOT,
    "signing-config": SIGNING_CONFIG,
    "trust-instance": TRUST_INSTANCE,
}


def target_of(kind: str, app: str | None) -> str:
    """The path of a target. UsageError for an app that is not written ``publisher/name@1.2.3``."""
    if kind != "app":
        return _FIXED[kind]
    name, at, version = (app or "").partition("@")
    try:
        if not at:
            raise ValueError
        return app_target(name, version)
    except ValueError as error:
        raise UsageError(f"{app!r} is not a version of an app", fix="write publisher/name@1.2.3") from error


def checked(kind: str, data: bytes) -> bytes:
    """The bytes, once they are what that kind holds. Raises UsageError with the reason."""
    try:
        if kind == "models":
            parse_index(data, place=Url("registry.invalid", 443, f"/{PurePosixPath(MODELS)}"))
        elif kind == "trusted-root":
            _trusted_root(data)
        elif kind == "trust-instance":
            _trust_instance(data)
        elif not isinstance(parse(data, max_bytes=MAX_BYTES, source=kind).value, dict):
            raise UsageError(f"{kind} holds one JSON object")
    except ManifestError as error:
        raise UsageError(f"this is no {kind}: {error.message}") from error
    return data


def _trust_instance(data: bytes) -> None:
    from locara.trust.bundle.instance import TrustInstance  # noqa: PLC0415 - only where one is published
    from locara.trust.refusal import TrustError  # noqa: PLC0415

    try:
        TrustInstance.read(data).whole()
    except TrustError as error:
        raise UsageError(f"this is no trust instance: {error.message[:200]}") from error


def _trusted_root(data: bytes) -> None:
    from sigstore_models.trustroot.v1 import TrustedRoot  # noqa: PLC0415 - only where one is published

    try:
        TrustedRoot.from_json(data)
    except Exception as error:
        raise UsageError(f"this is no trusted root of Sigstore: {str(error)[:200]}") from error
