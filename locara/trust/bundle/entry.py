"""The log entry of a bundle: what the library leaves open about it.

The library proves that some log of the root holds the entry. It does not compare the checkpoint's origin and size
with anything, nor the entry's index with its proof's, and it passes over witnesses.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from locara.records import dataclass
from locara.trust.bundle.instance import Log, TrustInstance
from locara.trust.checkpoint import MAX_SKEW, Checkpoint, Cosigned, cosignatures, open_checkpoint
from locara.trust.log_refusal import LogRefused
from locara.trust.note import Note
from locara.trust.refusal import Reason, TrustError

_BY_CODE: Final = {
    "note_malformed": Reason.CHECKPOINT_MALFORMED,
    "note_too_large": Reason.CHECKPOINT_MALFORMED,
    "checkpoint_malformed": Reason.CHECKPOINT_MALFORMED,
    "wrong_origin": Reason.CHECKPOINT_ORIGIN,
    "unsigned": Reason.CHECKPOINT_SIGNATURE,
    "bad_signature": Reason.CHECKPOINT_SIGNATURE,
    "witnesses_missing": Reason.WITNESS_MISSING,
    "cosignature_time": Reason.WITNESS_MISSING,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Kind(_Part):
    kind: str
    version: str


class _LogId(_Part):
    key_id: Annotated[str, Field(alias="keyId")]


class _Envelope(_Part):
    envelope: str


class _Proof(_Part):
    log_index: Annotated[int, Field(alias="logIndex")]
    root_hash: Annotated[str, Field(alias="rootHash")]
    tree_size: Annotated[int, Field(alias="treeSize")]
    checkpoint: _Envelope


class _Promise(_Part):
    signed_entry_timestamp: Annotated[str, Field(alias="signedEntryTimestamp")] = ""


class SeenEntry(_Part):
    """A log entry as the library understood it: read from its own writing of the bundle, not from the file."""

    log_index: Annotated[int, Field(alias="logIndex")]
    log_id: Annotated[_LogId, Field(alias="logId")]
    kind_version: Annotated[_Kind, Field(alias="kindVersion")]
    integrated_time: Annotated[int | None, Field(alias="integratedTime")] = None
    inclusion_promise: Annotated[_Promise | None, Field(alias="inclusionPromise")] = None
    inclusion_proof: Annotated[_Proof, Field(alias="inclusionProof")]

    @property
    def promised(self) -> bool:
        """True when the log's own signature covers index and time of the entry (Rekor v1)."""
        return bool(
            self.inclusion_promise
            and self.inclusion_promise.signed_entry_timestamp
            and self.integrated_time
            and self.kind_version.version == "0.0.1"
        )


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the entry is logged: origin of the log, index in it, its size, and the witnesses that saw it."""

    origin: str
    index: int
    size: int
    witnesses: tuple[Cosigned, ...]


def log_of(entry: SeenEntry, instance: TrustInstance) -> Log:
    """The log that the entry names. Raises TrustError `LOG_UNKNOWN`: an id that is not known is no hint."""
    log = instance.log(base64.b64decode(entry.log_id.key_id))
    if log is None:
        raise TrustError(Reason.LOG_UNKNOWN, f"the log {entry.log_id.key_id} is not one of {instance.name}")
    return log


def check_place(entry: SeenEntry, log: Log, instance: TrustInstance, now: datetime) -> LogPlace:
    """Where the entry is logged, when index, size, root, origin, signature and witnesses agree.

    Raises TrustError: `LOG_INDEX`, `PROOF_INVALID`, `CHECKPOINT_MALFORMED`, `CHECKPOINT_ORIGIN`,
    `CHECKPOINT_SIZE`, `CHECKPOINT_ROOT`, `CHECKPOINT_SIGNATURE`, `WITNESS_MISSING`.
    """
    proof = entry.inclusion_proof
    if not 0 <= proof.log_index < proof.tree_size:
        raise TrustError(
            Reason.PROOF_INVALID, f"entry {proof.log_index} is not in a log of {proof.tree_size} entries"
        )
    if entry.log_index != proof.log_index and not entry.promised:
        # An older log counts across its shards; there its own signature covers the outer number.
        raise TrustError(
            Reason.LOG_INDEX, f"the entry says {entry.log_index}, its proof says {proof.log_index}"
        )
    try:
        return _place(entry, log, instance, now)
    except LogRefused as error:
        raise TrustError(_BY_CODE.get(error.code, Reason.CHECKPOINT_MALFORMED), error.message) from error


def _place(entry: SeenEntry, log: Log, instance: TrustInstance, now: datetime) -> LogPlace:
    proof = entry.inclusion_proof
    raw = proof.checkpoint.envelope.encode()
    note = Note.parse(raw)
    head = Checkpoint.parse(note.text)
    if log.origin.fullmatch(head.origin) is None:
        raise TrustError(
            Reason.CHECKPOINT_ORIGIN, f"the checkpoint is of {head.origin[:120]!r}, which is another log"
        )
    if head.size != proof.tree_size:
        raise TrustError(
            Reason.CHECKPOINT_SIZE, f"the checkpoint has {head.size} entries, the proof {proof.tree_size}"
        )
    if head.root != base64.b64decode(proof.root_hash):
        raise TrustError(Reason.CHECKPOINT_ROOT, "checkpoint and proof name different root hashes")
    if log.key is None:
        return LogPlace(head.origin, proof.log_index, head.size, _witnessed(note, instance, now))
    policy = instance.policy_for(log.key)
    opened = open_checkpoint(raw, policy, now=now.timestamp())
    return LogPlace(head.origin, proof.log_index, head.size, opened.cosigned)


def _witnessed(note: Note, instance: TrustInstance, now: datetime) -> tuple[Cosigned, ...]:
    """The witnesses of an older log, whose own signature the library has checked; none that signed in the future."""
    latest = now.timestamp() + MAX_SKEW
    seen = tuple(one for one in cosignatures(note, instance.policy.witnesses) if one.time <= latest)
    if not instance.policy.met_by(one.witness for one in seen):
        raise TrustError(
            Reason.WITNESS_MISSING, f"too few witnesses: {len(seen)} of {instance.policy.wanted}"
        )
    return seen
