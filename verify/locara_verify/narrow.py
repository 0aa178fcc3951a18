"""``--fix``: edits of locara.json that take powers away and never give one, which is proved before anything is written.

An edit is a guess of ours about what an app does not need; the proof is not. The new manifest is compiled and compared
with the old by the algebra of scopes, the command table and the entitlements. Whatever widens is refused with its
witness, whoever proposed it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara.core.availability import PLATFORMS, unavailable
from locara.core.capability import Kind
from locara.core.compile import compile_grants
from locara.core.grant import Grants, widening
from locara.core.hosts import HostSet
from locara.core.manifest import Manifest, parse_manifest
from locara.core.ports import PortSet
from locara.core.surface import command_table
from locara.errors import LocaraError, UsageError
from locara.records import dataclass
from locara.sandbox.entitlements import entitlements
from locara_verify.report.files import write_atomic
from locara_verify.target import MANIFEST, Target

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\r\n"


class WideningError(LocaraError):
    """An edit would give a power; the message names one request that only the new manifest would allow."""

    code = "widens"


@dataclass(frozen=True, slots=True)
class Edit:
    """Take out what ``pointer`` names (a member of an object or an element of an array), for a rule and a reason.

    With ``value`` it is replaced by that JSON text instead: where absence means a default, taking out would give.
    """

    pointer: str
    rule: str
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The new text of a manifest and the edits that made it, in order; ``refused`` are those that did not hold."""

    before: str
    after: str
    edits: tuple[Edit, ...]
    refused: tuple[str, ...]

    @property
    def diff(self) -> str:
        """What changes, as a unified diff; empty when nothing does."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{MANIFEST}",
            f"b/{MANIFEST}",
        )
        return "".join(lines)


def narrow(subject: Target, used: frozenset[str] | None = None) -> Narrowed:
    """Every edit that can be made to the manifest of ``subject``, each of them proved. Nothing is written.

    ``used`` are the capabilities that an audit log shows in use; the others are proposed to go.
    """
    text = subject.manifest_bytes.decode("utf-8")
    if subject.manifest is None:
        return Narrowed(text, text, (), ())
    made: list[Edit] = []
    refused: list[str] = []
    current = text
    for edit in proposals(subject.manifest, subject.grants, used):
        try:
            candidate = edited(current, edit)
            prove(current, candidate)
            prove(text, candidate)
        except (LocaraError, LookupError, ValueError) as error:
            told = error.message if isinstance(error, LocaraError) else str(error)
            refused.append(f"{edit.pointer}: {told}")
            continue
        made.append(edit)
        current = candidate
    return Narrowed(text, current, tuple(made), tuple(refused))


def write(subject: Target, narrowed: Narrowed) -> None:
    """Put the new text in place of the old, whole or not at all. Raises WideningError and OSError."""
    prove(narrowed.before, narrowed.after)
    path = subject.path / MANIFEST
    if path.read_bytes() != subject.manifest_bytes:
        raise LocaraError(f"{MANIFEST} changed meanwhile", code="changed", fix="run it again")
    mode = path.stat().st_mode & 0o777
    write_atomic(path, narrowed.after)
    Path(path).chmod(mode)


def prove(before: str, after: str) -> None:
    """Return when ``after`` gives nothing that ``before`` does not.

    Raises WideningError with a witness, and ManifestError.
    """
    old, new = (compile_grants(parse_manifest(text.encode())) for text in (before, after))
    if wider := widening(old, new):
        raise WideningError(f"it would also allow {wider[0]}")
    if more := command_table(new) - command_table(old):
        raise WideningError(f"it would open the command {min(more)}")
    if gained := sorted(set(entitlements(new)) - set(entitlements(old))):
        raise WideningError(f"it would add the entitlement {gained[0]}")


def used_in(log: Path) -> frozenset[str]:
    """The capabilities of which an audit log shows an allowed use. Raises UsageError when it is none."""
    try:
        entries: list[Any] = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line]
        return frozenset(str(entry["capability"]) for entry in entries if entry["allowed"] is True)
    except OSError as error:
        raise UsageError(f"{log} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{log} is not an audit log: {error}", fix="name the audit/log.jsonl of an app"
        ) from error


def proposals(manifest: Manifest, grants: Grants, used: frozenset[str] | None = None) -> Iterator[Edit]:
    """What could go: powers that no platform can give in this version, hosts that another pattern covers, and
    capabilities that ``used`` does not name."""
    nowhere = [{item.kind: item.reason for item in unavailable(grants, platform)} for platform in PLATFORMS]
    for kind, reason in nowhere[0].items():
        if all(kind in found for found in nowhere):
            yield Edit(f"/capabilities/{kind.value}", "LC005", reason)
    written: Any = json.loads(manifest.model_dump_json(by_alias=True)).get("capabilities", {})
    net, external = written.get("net"), written.get("open-external")
    lists = (
        ("/capabilities/net/allowed_hosts", net, "allowed_hosts"),
        ("/capabilities/open-external/hosts", external, "hosts"),
    )
    for pointer, value, key in lists:
        if isinstance(value, dict):
            yield from _covered(pointer, value.get(key) or [])
    if used is not None:
        for grant in grants.grants:
            if grant.kind.value not in used:
                value = "false" if grant.kind is Kind.FS_APP_DATA else ""
                yield Edit(f"/capabilities/{grant.kind.value}", "LC007", "the log shows no use of it", value)


def _covered(pointer: str, patterns: list[str]) -> Iterator[Edit]:
    # From the end, so that the numbers of those before stay what they are.
    kept = list(patterns)
    for number in range(len(patterns) - 1, -1, -1):
        rest = [pattern for place, pattern in enumerate(kept) if place != number]
        whole, others = (HostSet.of(listed, PortSet.of((443,))) for listed in (kept, rest))
        if not whole - others:
            kept = rest
            yield Edit(f"{pointer}/{number}", "LC007", f"{patterns[number]} is covered by another pattern")


def edited(text: str, edit: Edit) -> str:
    """``text`` with one edit made, everything else byte for byte. Raises LookupError when there is no such place."""
    pointer = edit.pointer
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    at = _skip(text, 0)
    for part in path:
        at = next((start for name, _, start, _ in _children(text, at) if name == part), -1)
        if at < 0:
            raise LookupError(f"there is no {pointer}")
    spans = [(name, begin, end, value) for name, begin, value, end in _children(text, at)]
    for number, (name, begin, end, value) in enumerate(spans):
        if name != last:
            continue
        if edit.value:
            return text[:value] + edit.value + text[end:]
        if number + 1 < len(spans):
            return text[:begin] + text[spans[number + 1][1] :]
        if number:
            return text[: spans[number - 1][2]] + text[end:]
        return text[:begin].rstrip(_SPACE) + text[end:].lstrip(_SPACE)
    raise LookupError(f"there is no {pointer}")


def _children(text: str, at: int) -> Iterator[tuple[str, int, int, int]]:
    """Name, begin, begin of the value and end of each member or element of what begins at ``at``."""
    is_object = text[at] == "{"
    if not is_object and text[at] != "[":
        return
    at = _skip(text, at + 1)
    number = 0
    while text[at] not in "}]":
        begin, name = at, str(number)
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value = at
        _, at = _DECODER.raw_decode(text, at)
        yield name, begin, value, at
        number += 1
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
