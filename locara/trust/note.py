"""Signed notes (C2SP signed-note): a text, an empty line, and one line per signature.

What was signed is the exact bytes of the text, so these are kept and never written again from parsed parts.
A note is only read here; `checkpoint` says what its text must be and whose signatures count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_base64, write_base64
from locara.trust.note_keys import ED25519, Signer, VerifierKey, check_name

MAX_NOTE: Final = 256 * 1024  # bytes; sixteen post-quantum signatures fit
MAX_SIGNATURES: Final = 64
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, the four bytes of the key's id, the signature itself."""

    name: str
    key_id: bytes
    value: bytes

    def by(self, key: VerifierKey) -> bool:
        """True when the line says that this key signed. Whether that is so is another question."""
        return (self.name, self.key_id) == (key.name, key.key_id)

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. `text` is what is signed, its last newline included."""

    text: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """The note in these bytes. Raises LogRefused `note_too_large` or `note_malformed`."""
        if len(raw) > MAX_NOTE:
            raise LogRefused(f"a note has at most {MAX_NOTE} bytes, not {len(raw)}", code="note_too_large")
        try:
            decoded = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LogRefused("the note is not UTF-8", code="note_malformed") from error
        if any(char < " " and char != "\n" for char in decoded):
            raise LogRefused("the note holds a control character", code="note_malformed")
        text, gap, rest = decoded.rpartition("\n\n")
        if not gap or not text:
            raise LogRefused("the note has no empty line between text and signatures", code="note_malformed")
        if not rest:
            raise LogRefused("the note has no signature", code="note_malformed")
        return cls((text + "\n").encode(), parse_signatures(rest))

    @property
    def raw(self) -> bytes:
        """The note as bytes; `parse` of it gives the same note."""
        return self.text + b"\n" + "".join(map(str, self.signatures)).encode()

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """The same note with further signature lines; one that is there already is not repeated."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    def verify(self, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Those of these `ED25519` keys that signed the text, each once, in the order of keys.

        Lines of other keys are ignored. Raises LogRefused `bad_signature` when a line names one of the keys
        and is not its signature.
        """
        found = []
        for key in keys:
            if key.kind != ED25519:
                continue
            lines = [line for line in self.signatures if line.by(key)]
            if any(not key.verify(line.value, self.text) for line in lines):
                raise LogRefused(f"the signature of {key.name} is not right", code="bad_signature")
            if lines:
                found.append(key)
        return tuple(found)


def parse_signatures(text: str) -> tuple[Signature, ...]:
    """Signature lines, each ended by a newline. Raises LogRefused `note_malformed`."""
    if not text.endswith("\n"):
        raise LogRefused("the last signature line is not ended by a newline", code="note_malformed")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LogRefused(
            f"a note has at most {MAX_SIGNATURES} signatures, not {len(lines)}", code="note_too_large"
        )
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> Signature:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not gap:
        raise LogRefused(f"this is not a signature line: {line[:60]!r}", code="note_malformed")
    try:
        check_name(name)
    except LogRefused as error:
        raise LogRefused(
            f"a signature line has no proper name: {line[:60]!r}", code="note_malformed"
        ) from error
    value = read_base64(encoded, "a signature", code="note_malformed")
    if len(value) < 5:
        raise LogRefused("a signature is shorter than the id of its key", code="note_malformed")
    return Signature(name, value[:4], value[4:])


def sign_note(text: bytes, key: Signer) -> Note:
    """The text signed by a log's key. Raises LogRefused `note_malformed` when no note can hold it."""
    if not text.endswith(b"\n") or key.kind != ED25519:
        raise LogRefused("a note is a text of whole lines, signed by a log's key", code="note_malformed")
    note = Note(text, (Signature(key.name, key.verifier.key_id, key.sign(text)),))
    if Note.parse(note.raw) != note:
        raise LogRefused("this text cannot be the text of a note", code="note_malformed")
    return note
