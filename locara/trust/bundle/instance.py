"""One Sigstore instance as a client knows it: its root, whom it may vouch for, its logs and witnesses.

The public instance, a private one and a test one differ in these values and in nothing else; there is one path of
code. Instances are never merged: any authority of a root can name any signer, so a second instance in the same
root could forge the signers of the first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from locara.records import dataclass
from locara.trust.bundle.certificate import spki_of
from locara.trust.bundle.offline_import import load_verifier
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import ED25519, VerifierKey
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_json, read_model

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import TrustedRoot
    from sigstore.verify.verifier import Verifier

MEDIA_TYPE: Final = "application/vnd.locara.trust-instance.v1+json"
PUBLIC_ISSUERS: Final = ("https://token.actions.githubusercontent.com", "https://gitlab.com")
_SPKI_ED25519: Final = 12  # bytes before the key itself
_UNTRUSTED: Final = Reason.MATERIAL_UNTRUSTED
_SIGNING: Final = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "rekorTlogConfig": {"selector": "ANY"},
    "tsaConfig": {"selector": "ANY"},
}


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, both ends in it; no end means that it goes on."""

    start: datetime
    end: datetime | None = None

    def holds(self, time: datetime) -> bool:
        """True when the time lies in it."""
        return self.start <= time and (self.end is None or time <= self.end)


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log of the instance. ``origin`` matches the first line of its checkpoints; ``spki`` is the
    SHA-256 of its key as DER."""

    id: bytes
    origin: re.Pattern[str]
    key: VerifierKey | None
    spki: str
    window: Window


@dataclass(frozen=True, slots=True)
class TrustInstance:
    """The material to check bundles of one instance with. Built by `read`, `of_root` or `public_good`.

    ``issuers`` are the identity services it may vouch for; ``policy`` says which witnesses must have seen the
    log; ``expires`` when the material is too old.
    """

    name: str
    root: dict[str, Any]
    issuers: frozenset[str]
    logs: tuple[Log, ...]
    policy: LogPolicy
    expires: datetime | None = None
    _verifiers: dict[tuple[tuple[int, ...], ...], tuple[Verifier, TrustedRoot]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def read(cls, raw: bytes) -> TrustInstance:
        """The instance in the bytes of a file. Whether the bytes are the right ones is the caller's to know:
        they come out of the TUF repository, or their digest is pinned.

        Raises TrustError `MATERIAL_UNTRUSTED`.
        """
        value = read_json(raw, "trust instance", _UNTRUSTED)
        written = read_model(value, _Written, "trust instance", _UNTRUSTED)
        try:
            policy = LogPolicy.parse(written.log_policy.encode())
        except LogRefused as error:
            raise TrustError(_UNTRUSTED, f"the instance's policy for logs: {error}") from error
        return cls.of_root(
            written.trusted_root,
            name=written.name,
            issuers=written.issuers,
            policy=policy,
            expires=written.expires,
        )

    @classmethod
    def of_root(
        cls,
        root: dict[str, Any],
        *,
        name: str,
        issuers: Iterable[str],
        policy: LogPolicy | None = None,
        expires: datetime | None = None,
    ) -> TrustInstance:
        """The instance of a Sigstore trusted root (its JSON as a value). Raises TrustError."""
        policy = LogPolicy(()) if policy is None else policy
        read = read_model(root, _Root, "trusted root", _UNTRUSTED)
        hosts = {urlsplit(one.uri).netloc for one in read.certificate_authorities}
        if len(hosts) != 1:
            raise TrustError(
                _UNTRUSTED,
                f"the root holds authorities of several instances: {', '.join(sorted(hosts)) or 'none'}",
                fix="keep one instance per file",
            )
        logs = tuple(_log(one, policy) for one in read.tlogs)
        if len({one.id for one in logs}) != len(logs):
            raise TrustError(_UNTRUSTED, "two logs of the root have the same id")
        allowed = frozenset(issuers)
        if not allowed:
            raise TrustError(_UNTRUSTED, "the instance may vouch for nobody: it names no issuer")
        return cls(name, root, allowed, logs, policy, expires)

    def fresh(self, now: datetime) -> None:
        """Raise TrustError `MATERIAL_STALE` when the material is older than its makers allow."""
        if self.expires is not None and now > self.expires:
            raise TrustError(
                Reason.MATERIAL_STALE,
                f"what is known of {self.name} was good until {self.expires:%Y-%m-%d %H:%M} UTC",
                fix="get the newest: locara trust update",
            )

    def log(self, log_id: bytes) -> Log | None:
        """The log of that id, or None."""
        return next((one for one in self.logs if one.id == log_id), None)

    def policy_for(self, log: VerifierKey) -> LogPolicy:
        """The policy for one log of the instance: its key alone, and the witnesses of all."""
        return replace(self.policy, logs=(log,))

    def verifier_at(
        self, times: tuple[datetime, ...], issued: tuple[datetime, ...]
    ) -> tuple[Verifier, TrustedRoot]:
        """The unmodified verifier over those authorities and logs that were in use at all these times, and
        those certificate logs that were when the certificate was ``issued``.

        What was retired before is not in the root that this verifier sees. Raises TrustError
        `AUTHORITY_RETIRED` or `LOG_RETIRED` when nothing is left, `MATERIAL_UNTRUSTED` when the library does
        not take the root.
        """
        kept = tuple(
            tuple(
                place
                for place, one in enumerate(self.root.get(kind, ()))
                if all(_window(one, kind).holds(time) for time in when)
            )
            for kind, when in (
                ("certificateAuthorities", times),
                ("tlogs", times),
                ("ctlogs", issued),
            )
        )
        if not kept[0]:
            raise TrustError(Reason.AUTHORITY_RETIRED, "no authority was in use when it was signed")
        if not kept[1] or not kept[2]:
            raise TrustError(Reason.LOG_RETIRED, "no log was in use when it was signed")
        if kept not in self._verifiers:
            self._verifiers[kept] = self._load(kept)
        return self._verifiers[kept]

    def whole(self) -> tuple[Verifier, TrustedRoot]:
        """The verifier over everything that was ever in use: only to tell what was retired."""
        everything = tuple(
            tuple(range(len(self.root.get(kind, ()))))
            for kind in ("certificateAuthorities", "tlogs", "ctlogs")
        )
        if everything not in self._verifiers:
            self._verifiers[everything] = self._load(everything)
        return self._verifiers[everything]

    def vouching(self, certificate: Certificate) -> dict[str, Certificate]:
        """Every certificate that vouches for this one, by the SHA-256 of its key as DER: that of the authority that
        signed it, and those above, up to the root. Empty when none did."""
        _, root = self.whole()
        known = root.get_fulcio_certs()
        found: dict[str, Certificate] = {}
        below = [certificate]
        while below:
            one = below.pop()
            above = {spki_of(other): other for other in known if _issued_by(one, other)}
            below += [other for key, other in above.items() if key not in found]
            found |= above
        return found

    def _load(self, kept: tuple[tuple[int, ...], ...]) -> tuple[Verifier, TrustedRoot]:
        load_verifier()
        from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - the heaviest import of all
        from sigstore.verify.verifier import Verifier  # noqa: PLC0415

        root = dict(self.root)
        for kind, places in zip(("certificateAuthorities", "tlogs", "ctlogs"), kept, strict=True):
            root[kind] = [self.root[kind][place] for place in places]
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": root,
            "signingConfig": _SIGNING,
        }
        try:
            trusted = ClientTrustConfig.from_json(json.dumps(config)).trusted_root
            return Verifier(trusted_root=trusted), trusted
        except Exception as error:
            raise TrustError(_UNTRUSTED, f"the root of {self.name} cannot be used: {error}") from error


def public_good(issuers: Iterable[str] = PUBLIC_ISSUERS) -> TrustInstance:
    """The public Sigstore instance, by the root that the library's package carries: no network, no cache.

    A cached root that nobody re-verified is never read.
    """
    from importlib import resources  # noqa: PLC0415

    place = resources.files("sigstore._store") / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    root = json.loads((place / "trusted_root.json").read_bytes())
    return TrustInstance.of_root(root, name="sigstore.dev", issuers=issuers)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Range(_Frozen):
    start: AwareDatetime
    end: AwareDatetime | None = None


class _Key(_Frozen):
    raw_bytes: Annotated[str, Field(alias="rawBytes")]
    key_details: Annotated[str, Field(alias="keyDetails")]
    valid_for: Annotated[_Range, Field(alias="validFor")]


class _LogId(_Frozen):
    key_id: Annotated[str, Field(alias="keyId")]


class _LogEntry(_Frozen):
    base_url: Annotated[str, Field(alias="baseUrl")]
    public_key: Annotated[_Key, Field(alias="publicKey")]
    log_id: Annotated[_LogId, Field(alias="logId")]


class _Authority(_Frozen):
    uri: str
    valid_for: Annotated[_Range, Field(alias="validFor")]


class _Root(_Frozen):
    tlogs: Annotated[list[_LogEntry], Field(min_length=1)]
    certificate_authorities: Annotated[list[_Authority], Field(alias="certificateAuthorities", min_length=1)]
    ctlogs: Annotated[list[_LogEntry], Field(min_length=1)]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    media_type: Literal["application/vnd.locara.trust-instance.v1+json"] = Field(alias="mediaType")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]
    issuers: Annotated[list[Annotated[str, Field(min_length=1, max_length=2048)]], Field(min_length=1)]
    log_policy: Annotated[str, Field(alias="logPolicy")]
    expires: Annotated[AwareDatetime | None, Field(strict=False)] = None
    trusted_root: Annotated[dict[str, Any], Field(alias="trustedRoot")]


def _issued_by(certificate: Certificate, authority: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


def _window(one: dict[str, Any], kind: str) -> Window:
    span = (one if kind == "certificateAuthorities" else one["publicKey"])["validFor"]
    read = _Range.model_validate(span)
    return Window(read.start, read.end)


def _log(written: _LogEntry, policy: LogPolicy) -> Log:
    """The log with the origin that its checkpoints must have.

    A log with an Ed25519 key has a name that is part of its id, so the origin is that name; an older log writes
    its host, a dash and the number of the tree.
    """
    try:
        log_id = base64.b64decode(written.log_id.key_id, validate=True)
        spki = base64.b64decode(written.public_key.raw_bytes, validate=True)
    except ValueError as error:
        raise TrustError(_UNTRUSTED, "a log of the root is not written in base64") from error
    window = Window(written.public_key.valid_for.start, written.public_key.valid_for.end)
    digest = hashlib.sha256(spki).hexdigest()
    parts = urlsplit(written.base_url)
    place = f"{parts.netloc}{parts.path}".rstrip("/")
    if written.public_key.key_details != "PKIX_ED25519":
        return Log(log_id, re.compile(re.escape(parts.netloc) + r" - [0-9]{1,20}"), None, digest, window)
    raw = spki[_SPKI_ED25519:]
    names = [one.name for one in policy.logs if one.public == raw] + [place, parts.netloc]
    for name in names:
        try:
            key = VerifierKey(name, ED25519, raw)
        except LogRefused:
            continue
        if log_id in (key.digest, key.key_id):
            return Log(log_id, re.compile(re.escape(name)), key, digest, window)
    raise TrustError(
        _UNTRUSTED, f"the id of the log at {written.base_url} belongs to another name or key than it says"
    )
