"""What a monitor looks for in entries: rules about identities, apps and digests, and any text.

Entries are of many kinds and some are hostile. Nothing here fails on an entry: what cannot be read has no
facts, and the rule `text:` looks at the bytes themselves.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from locara.errors import UsageError
from locara.records import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KINDS: Final = ("identity", "app", "digest", "text")
_DEPTH: Final = 40
_VALUES: Final = 20_000
_ELEMENTS: Final = 16
_SEQUENCE: Final = 0x30
_APP_KEYS: Final = frozenset({"app", "appId", "app_id"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`identity:NAME`, `app:NAME`, `digest:sha256:HEX` or `text:WORDS`; one `*` at the end matches the rest."""

    kind: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Raises UsageError."""
        kind, gap, value = text.partition(":")
        if kind not in KINDS or not gap or not value:
            raise UsageError(f"{text!r} is not a rule", fix=f"write {', '.join(f'{one}:…' for one in KINDS)}")
        return cls(kind, value)

    def matches(self, found: str) -> bool:
        """Whether a fact is what the rule looks for."""
        if self.value.endswith("*"):
            return found.startswith(self.value[:-1])
        return found == self.value

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What could be read in an entry. Identities are those of certificates in it: e-mail addresses and URIs."""

    identities: frozenset[str]
    apps: frozenset[str]
    digests: frozenset[str]


def matching(rules: tuple[Rule, ...], entry: bytes) -> tuple[Rule, ...]:
    """The rules that an entry meets. Never raises."""
    if not rules:
        return ()
    facts = facts_of(entry) if any(rule.kind != "text" for rule in rules) else Facts(*[frozenset()] * 3)
    of = {"identity": facts.identities, "app": facts.apps, "digest": facts.digests}
    text = entry.decode("utf-8", "replace")
    return tuple(
        rule
        for rule in rules
        if (rule.value in text if rule.kind == "text" else any(map(rule.matches, of[rule.kind])))
    )


def facts_of(entry: bytes) -> Facts:
    """The facts of an entry. Never raises."""
    identities: set[str] = set()
    apps: set[str] = set()
    digests: set[str] = set()
    try:
        values = list(_values(json.loads(entry)))
    except (ValueError, RecursionError):
        values = [("", entry)]
    for key, value in values:
        if isinstance(value, str) and key in _APP_KEYS:
            apps.add(value)
        digests |= _digests(key, value)
        for certificate in _certificates(value):
            identities |= _names(certificate)
    return Facts(frozenset(identities), frozenset(apps), frozenset(digests))


def _values(document: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, str | bytes]]:
    """Every text in a JSON document with the key it stands under, and every JSON document in such a text."""
    waiting: list[tuple[str, object, int]] = [(key, document, depth)]
    for _ in range(_VALUES):
        if not waiting:
            return
        key, value, depth = waiting.pop()
        if depth > _DEPTH:
            continue
        if isinstance(value, dict):
            waiting += [(str(name), inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(key, inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            yield key, value
            inner = _inner_json(value)
            if inner is not None:
                waiting.append((key, inner, depth + 1))


def _inner_json(value: str) -> object:
    """The document in a text that is JSON, or base64 of JSON (a DSSE payload); None for other text."""
    for raw in (value.encode("utf-8", "replace"), _unbase64(value)):
        if raw.lstrip()[:1] in (b"{", b"["):
            try:
                return json.loads(raw)
            except (ValueError, RecursionError):
                return None
    return None


def _unbase64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _digests(key: str, value: str | bytes) -> set[str]:
    if not isinstance(value, str):
        return set()
    hexadecimal = value.removeprefix("sha256:")
    if len(hexadecimal) == 64 and not hexadecimal.strip("0123456789abcdef"):
        return {f"sha256:{hexadecimal}"}
    raw = _unbase64(value) if key.lower().endswith("digest") else b""
    return {f"sha256:{raw.hex()}"} if len(raw) == 32 else set()


def _certificates(value: str | bytes) -> Iterator[Certificate]:
    raw = value if isinstance(value, bytes) else _unbase64(value) or value.encode("utf-8", "replace")
    if raw[:1] != b"\x30" and b"-----BEGIN CERTIFICATE-----" not in raw:
        return
    from cryptography.x509 import (  # noqa: PLC0415 - heavy, and few entries have one
        load_der_x509_certificate,
        load_pem_x509_certificates,
    )

    for form in (raw, _as_certificate(raw)) if raw[:1] == b"\x30" else (raw,):
        try:
            found = (
                [load_der_x509_certificate(form)] if raw[:1] == b"\x30" else load_pem_x509_certificates(form)
            )
        except Exception:  # whatever a parser says of hostile bytes, they hold no certificate
            found = []
        yield from found


def _as_certificate(raw: bytes) -> bytes:
    """A certificate around the part of one that is to be signed, as logs of certificates keep it; the
    signature is empty, for nobody verifies it here. Empty when the bytes are no such part."""
    outer = _elements(raw)
    if len(outer) != 1:
        return b""
    algorithm = next((whole for tag, _, whole in _elements(outer[0][1]) if tag == _SEQUENCE), b"")
    content = raw + algorithm + b"\x03\x01\x00"
    size = len(content)
    length = (
        bytes([size])
        if size < 0x80
        else b"\x81%c" % size
        if size < 0x100
        else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([_SEQUENCE]) + length + content


def _elements(raw: bytes) -> list[tuple[int, bytes, bytes]]:
    """Tag, content and whole of each DER element, in order; none when the bytes are not a row of elements."""
    found: list[tuple[int, bytes, bytes]] = []
    at = 0
    while at < len(raw):
        head, first = at + 2, raw[at + 1] if at + 1 < len(raw) else 0xFF
        more = first & 0x7F if first & 0x80 else 0
        length = int.from_bytes(raw[head : head + more], "big") if more else first
        end = head + more + length
        if end > len(raw) or more > 3 or len(found) == _ELEMENTS:
            return []
        found.append((raw[at], raw[head + more : end], raw[at:end]))
        at = end
    return found


def _names(certificate: Certificate) -> set[str]:
    from cryptography.x509 import (  # noqa: PLC0415
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        found = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        names = {
            *found.get_values_for_type(UniformResourceIdentifier),
            *found.get_values_for_type(RFC822Name),
        }
    except Exception:  # the same: no names are to be had from it
        return set()
    return names
