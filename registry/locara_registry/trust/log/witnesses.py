"""Asking witnesses for their cosignatures, by the C2SP witness protocol, before a checkpoint is published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from locara.records import dataclass
from locara.trust.checkpoint import Checkpoint, cosignatures
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import check_address, request
from locara.trust.log_text import read_number, write_base64
from locara.trust.note import Note, Signature, parse_signatures
from locara.trust.note_keys import VerifierKey
from locara_registry.trust.log.log import Log

MAX_ANSWER: Final = 64 * 1024
_SIZE: Final = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class AskedWitnesses:
    """Asks every witness of a policy that has an address. Called by `Log.publish`.

    What one witness says or fails to say never matters alone: at the end the policy's quorum must be met.
    """

    policy: LogPolicy
    seconds: float = 10.0

    def __call__(self, note: Note, log: Log) -> Iterable[Signature]:
        """The witnesses' lines. Raises LogRefused `witnesses_missing`, with what each of them said."""
        lines: list[Signature] = []
        said: list[str] = []
        met: list[str] = []
        for name, key in self.policy.witnesses:
            address = self.policy.urls.get(str(key))
            if address is None:
                continue
            try:
                lines += ask(address, key, note, log, seconds=self.seconds)
                met.append(name)
            except LogRefused as error:
                said.append(f"{name}: {error.message}")
        if not self.policy.met_by(met):
            raise LogRefused(
                f"not enough witnesses signed ({', '.join(met) or 'none'} of {self.policy.wanted}); "
                + "; ".join(said),
                code="witnesses_missing",
                fix="the older checkpoint stays public, and nothing is lost; publish again when they answer",
            )
        return lines


def ask(
    address: str, key: VerifierKey, note: Note, log: Log, *, seconds: float = 10.0
) -> tuple[Signature, ...]:
    """The verified cosignature lines of one witness for a checkpoint of this log.

    A witness that is at another size says so, and is asked once more with the proof from there. Raises
    LogRefused: `source_unreadable`, or `witnesses_missing` when it does not sign or signs something else.
    """
    check_address(address)
    size = Checkpoint.parse(note.text).size
    old = log.published.size
    for _ in range(2):
        status, kind, body = _post(address, note, old, log.consistency(old, size), seconds)
        if status == HTTPStatus.OK:
            lines = tuple(line for line in parse_signatures(body.decode("utf-8", "replace")) if line.by(key))
            if not cosignatures(Note(note.text, lines), ((key.name, key),)):
                raise LogRefused("it answers without its signature", code="witnesses_missing")
            return lines
        text = body.decode("utf-8", "replace").removesuffix("\n")
        if status != HTTPStatus.CONFLICT or kind != _SIZE:
            raise LogRefused(f"it refuses with {status}: {text[:200]!r}", code="witnesses_missing")
        old = read_number(text, "the size it says", code="witnesses_missing")
        if old > size:
            raise LogRefused(
                f"it has seen {old} entries, and this log has {size}: was the log restored from a backup?",
                code="rollback",
            )
    raise LogRefused("it says another size each time", code="witnesses_missing")


def _post(
    address: str, note: Note, old: int, proof: Sequence[bytes], seconds: float
) -> tuple[int, str, bytes]:
    lines = [f"old {old}", *map(write_base64, proof), "", ""]
    target = f"{urlsplit(address).path.rstrip('/')}/add-checkpoint"
    body = "\n".join(lines).encode() + note.raw
    return request(address, "POST", target, body=body, most=MAX_ANSWER, seconds=seconds)
