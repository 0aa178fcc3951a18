"""Proof files (C2SP tlog-proof): all that is needed to check, offline and years later, that a log has an entry.

A file holds the index of the entry, the hashes of the inclusion proof and the checkpoint with its
cosignatures. The entry itself is not in it: whoever checks has it, or its hash.
"""

from __future__ import annotations

from typing import Final

from locara.records import dataclass
from locara.trust.checkpoint import OpenedCheckpoint, open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_base64, read_number, write_base64
from locara.trust.merkle import HASH_BYTES, MAX_PROOF, verify_inclusion
from locara.trust.note import MAX_NOTE

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_FILE: Final = MAX_NOTE + 128 * 1024
_CODE: Final = "proof_malformed"


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A parsed proof file. `extra` is opaque and proven by nothing."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, raw: bytes) -> ProofFile:
        """Raises LogRefused `proof_malformed`; the checkpoint is not looked at."""
        if len(raw) > MAX_PROOF_FILE:
            raise LogRefused("the proof file is too large", code=_CODE)
        head, gap, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise LogRefused("the proof file is not UTF-8", code=_CODE) from error
        if not gap or lines[0] != HEADER:
            raise LogRefused(f"a proof file begins with {HEADER}", code=_CODE)
        rest = lines[1:]
        extra = None
        if rest and rest[0].startswith("extra "):
            extra = read_base64(rest.pop(0).removeprefix("extra "), "the extra data", code=_CODE)
        if not rest or not rest[0].startswith("index "):
            raise LogRefused("the proof file has no index line", code=_CODE)
        index = read_number(rest.pop(0).removeprefix("index "), "the index", code=_CODE)
        if len(rest) > MAX_PROOF:
            raise LogRefused(f"a proof has at most {MAX_PROOF} hashes, not {len(rest)}", code=_CODE)
        hashes = tuple(read_base64(line, "a hash of the proof", code=_CODE) for line in rest)
        if any(len(one) != HASH_BYTES for one in hashes):
            raise LogRefused("a hash of the proof is not 32 bytes long", code=_CODE)
        return cls(index, hashes, checkpoint, extra)

    @property
    def raw(self) -> bytes:
        """The file as bytes."""
        extra = "" if self.extra is None else f"extra {write_base64(self.extra)}\n"
        hashes = "".join(f"{write_base64(one)}\n" for one in self.hashes)
        return f"{HEADER}\n{extra}index {self.index}\n{hashes}\n".encode() + self.checkpoint


def check_proof(
    proof: ProofFile, leaf: bytes, policy: LogPolicy, *, now: float, max_age: float | None = None
) -> OpenedCheckpoint:
    """The checkpoint that proves the entry with this leaf hash. Raises LogRefused as `open_checkpoint` and
    `merkle.verify_inclusion` do. No file and no network is touched."""
    opened = open_checkpoint(proof.checkpoint, policy, now=now, max_age=max_age)
    verify_inclusion(leaf, proof.index, opened.size, proof.hashes, opened.root)
    return opened
