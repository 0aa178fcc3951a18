"""Checkpoints (C2SP tlog-checkpoint) and cosignatures: what a log says it is, and who else saw it.

`open_checkpoint` is the only way from bytes to a checkpoint that may be believed: it asks for the log's own
signature, for the origin the log is known by, and for the witnesses that the policy wants.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from locara.records import dataclass
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_base64, read_number, write_base64
from locara.trust.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from locara.trust.note import Note, Signature
from locara.trust.note_keys import COSIGNATURE, Signer, VerifierKey

MAX_SKEW: Final = 600  # seconds a witness's clock may be ahead of ours
_TIME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: whose it is, how many entries it has, the root hash of their tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """The checkpoint in the text of a note. Raises LogRefused `checkpoint_malformed`."""
        code = "checkpoint_malformed"
        try:
            lines = text.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise LogRefused("the checkpoint is not UTF-8", code=code) from error
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise LogRefused("a checkpoint has three or more lines, and none is empty", code=code)
        root = read_base64(lines[2], "the root hash", code=code)
        if len(root) != HASH_BYTES:
            raise LogRefused("the root hash is not 32 bytes long", code=code)
        size = read_number(lines[1], "the size of the tree", code=code)
        if size == 0 and root != EMPTY_ROOT:
            raise LogRefused("an empty tree does not have that root", code=code)
        return cls(lines[0], size, root, tuple(lines[3:]))

    @property
    def text(self) -> bytes:
        """The text that is signed."""
        head = f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"
        return (head + "".join(f"{line}\n" for line in self.extensions)).encode()


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One witness and the time, in seconds since 1970, that stands in its newest cosignature."""

    witness: str
    time: int


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint that was believed: signed by `log`, cosigned as the policy asks."""

    checkpoint: Checkpoint
    note: Note
    log: VerifierKey
    cosigned: tuple[Cosigned, ...] = field(default=())

    @property
    def size(self) -> int:
        """How many entries the tree has."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root hash of the tree."""
        return self.checkpoint.root

    @property
    def raw(self) -> bytes:
        """The note, byte for byte."""
        return self.note.raw


def open_checkpoint(
    raw: bytes, policy: LogPolicy, *, now: float, max_age: float | None = None
) -> OpenedCheckpoint:
    """The checkpoint in a note, when the policy believes it at the time `now` (seconds since 1970).

    The log is the one whose name is the origin line. A cosignature counts when its witness is in the policy,
    once, and when its time is no more than `MAX_SKEW` ahead and, where max_age is given, no older.

    Raises LogRefused: what `Note.parse` and `Checkpoint.parse` raise; `wrong_origin`; `unsigned` when the log
    did not sign; `bad_signature` for a wrong signature in the name of the log or of a witness;
    `witnesses_missing`; `cosignature_time` when the witnesses would be enough but for their times.
    """
    note = Note.parse(raw)
    checkpoint = Checkpoint.parse(note.text)
    logs = tuple(log for log in policy.logs if log.name == checkpoint.origin)
    if not logs:
        raise LogRefused(
            f"this is a checkpoint of {checkpoint.origin!r}, and that log is not in the policy",
            code="wrong_origin",
        )
    signed = note.verify(logs)
    if not signed:
        raise LogRefused(f"the checkpoint is not signed by {checkpoint.origin}", code="unsigned")
    cosigned = cosignatures(note, policy.witnesses)
    timely = tuple(
        one
        for one in cosigned
        if one.time <= now + MAX_SKEW and (max_age is None or one.time >= now - max_age)
    )
    if not policy.met_by(one.witness for one in timely):
        if policy.met_by(one.witness for one in cosigned):
            late = ", ".join(sorted({one.witness for one in cosigned} - {one.witness for one in timely}))
            raise LogRefused(
                f"the time of a cosignature is in the future or too old: {late}", code="cosignature_time"
            )
        seen = ", ".join(one.witness for one in timely) or "none"
        raise LogRefused(
            f"the checkpoint of size {checkpoint.size} is not cosigned by enough witnesses: {seen} of "
            f"{policy.wanted}",
            code="witnesses_missing",
            fix="ask the log for a checkpoint that its witnesses have seen",
        )
    return OpenedCheckpoint(checkpoint, note, signed[0], timely)


def cosignatures(note: Note, witnesses: tuple[tuple[str, VerifierKey], ...]) -> tuple[Cosigned, ...]:
    """The cosignatures of these witnesses (name in the policy, key) in a note, one per witness.

    Raises LogRefused `bad_signature` when a line names one of them and is not its cosignature.
    """
    found = []
    for name, key in witnesses:
        times = [_cosigned_at(line, key, note.text) for line in note.signatures if line.by(key)]
        if times:
            found.append(Cosigned(name, max(times)))
    return tuple(found)


def cosign(note: Note, key: Signer, time: int) -> Signature:
    """A witness's signature line for the note at that time, in seconds since 1970."""
    if key.kind != COSIGNATURE or not 0 <= time <= MAX_SIZE:
        raise LogRefused("a cosignature has a time and is made by a witness's key", code="key_malformed")
    value = time.to_bytes(_TIME_BYTES, "big") + key.sign(_cosigned_message(note.text, time))
    return Signature(key.name, key.verifier.key_id, value)


def _cosigned_at(line: Signature, key: VerifierKey, text: bytes) -> int:
    time = int.from_bytes(line.value[:_TIME_BYTES], "big")
    if time > MAX_SIZE or not key.verify(line.value[_TIME_BYTES:], _cosigned_message(text, time)):
        raise LogRefused(f"the cosignature of {key.name} is not right", code="bad_signature")
    return time


def _cosigned_message(text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text
