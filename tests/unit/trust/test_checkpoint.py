"""Checkpoints: what is believed, and for everything else the reason why not."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from locara.trust.checkpoint import MAX_SKEW, Checkpoint, Cosigned, cosign, open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note import MAX_NOTE, Note, sign_note
from locara.trust.note_keys import COSIGNATURE, ED25519, SigningKey, VerifierKey
from locara_verify.oracle import log as oracle

NOW = 1_800_000_000
ORIGIN = "log.example.org/locara"
ENTRIES = [b"a", b"b", b"c"]
LOG = oracle.Key.of(ORIGIN, 1, 0)
OTHER_LOG = oracle.Key.of(ORIGIN, 1, 1)
W = [oracle.Key.of(f"w{number}.example.org", 4, number) for number in range(3)]
STRANGER = oracle.Key.of("w9.example.org", 4, 9)
TEXT = oracle.checkpoint_text(ORIGIN, ENTRIES)
OTHER_TEXT = oracle.checkpoint_text(ORIGIN, [b"x", *ENTRIES])
POLICY = LogPolicy.of(VerifierKey.parse(LOG.vkey), [VerifierKey.parse(w.vkey) for w in W], least=2)
ALONE = LogPolicy.of(VerifierKey.parse(LOG.vkey))


def good() -> bytes:
    return oracle.note(TEXT, LOG.line(TEXT), W[0].line(TEXT, NOW), W[1].line(TEXT, NOW - 5))


def code(raw: bytes, policy: LogPolicy = POLICY, **more: float) -> str:
    """The reason of the refusal; the untouched note is believed by the same policy at the same time."""
    more = {"now": NOW, **more}
    open_checkpoint(good(), policy, now=NOW)
    with pytest.raises(LogRefused) as caught:
        open_checkpoint(raw, policy, **more)  # type: ignore[arg-type]
    return caught.value.code


def test_a_cosigned_checkpoint_is_believed() -> None:
    opened = open_checkpoint(good(), POLICY, now=NOW)
    assert (opened.checkpoint.origin, opened.size, opened.root) == (ORIGIN, 3, oracle.tree_hash(ENTRIES))
    assert [one.time for one in opened.cosigned] == [NOW, NOW - 5]
    assert opened.raw == good()
    assert str(opened.log) == LOG.vkey


def test_more_witnesses_strange_lines_and_sixteen_signatures_do_no_harm() -> None:
    strange = [oracle.Key.of(f"s{number}", 1, number).line(TEXT) for number in range(16)]
    raw = oracle.note(
        TEXT, *strange, LOG.line(TEXT), *(w.line(TEXT, NOW) for w in W), STRANGER.line("other\n", 1)
    )
    assert len(open_checkpoint(raw, POLICY, now=NOW).cosigned) == 3


def test_extension_lines_are_signed_with_the_rest() -> None:
    text = TEXT + "Timestamp: 1\n"
    raw = oracle.note(text, LOG.line(text))
    assert open_checkpoint(raw, ALONE, now=NOW).checkpoint.extensions == ("Timestamp: 1",)
    assert code(raw.replace(b"Timestamp: 1", b"Timestamp: 2"), ALONE) == "bad_signature"


def test_both_halves_speak_the_same_format() -> None:
    key = SigningKey.generate(ORIGIN, ED25519)
    witness = SigningKey.generate("w.example.org", COSIGNATURE)
    note = sign_note(Checkpoint(ORIGIN, 3, oracle.tree_hash(ENTRIES)).text, key)
    assert note.text.decode() == TEXT
    note = note.with_signatures([cosign(note, witness, NOW)])
    policy = LogPolicy.of(key.verifier, [witness.verifier])
    (seen,) = open_checkpoint(note.raw, policy, now=NOW).cosigned
    assert seen == Cosigned(f"w.example.org+{witness.verifier.key_id.hex()}", NOW)


def text_with(*lines: str) -> bytes:
    text = "".join(f"{line}\n" for line in lines)
    return oracle.note(text, LOG.line(text), W[0].line(text, NOW), W[1].line(text, NOW))


ROOT = oracle.b64(oracle.tree_hash(ENTRIES))
_lazy = base64.b64decode(ROOT)[:-1]


def loose(root: str) -> str:
    """The same 32 bytes in a second spelling: the bits behind the last byte are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return root[:-2] + alphabet[alphabet.index(root[-2]) + 1] + "="


MALFORMED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no root line": (lambda: text_with(ORIGIN, "3"), "checkpoint_malformed"),
    "an empty line": (lambda: text_with(ORIGIN, "3", ROOT, "", "x"), "checkpoint_malformed"),
    "an empty origin": (lambda: text_with("", "3", ROOT), "checkpoint_malformed"),
    "a leading zero": (lambda: text_with(ORIGIN, "03", ROOT), "checkpoint_malformed"),
    "a plus sign": (lambda: text_with(ORIGIN, "+3", ROOT), "checkpoint_malformed"),
    "a negative size": (lambda: text_with(ORIGIN, "-3", ROOT), "checkpoint_malformed"),
    "a size in hexadecimal": (lambda: text_with(ORIGIN, "0x3", ROOT), "checkpoint_malformed"),
    "digits of another script": (lambda: text_with(ORIGIN, "٣", ROOT), "checkpoint_malformed"),
    "a space after the size": (lambda: text_with(ORIGIN, "3 ", ROOT), "checkpoint_malformed"),
    "an underscore in the size": (lambda: text_with(ORIGIN, "1_0", ROOT), "checkpoint_malformed"),
    "a size of 2^63": (lambda: text_with(ORIGIN, str(2**63), ROOT), "checkpoint_malformed"),
    "a size of 100 digits": (lambda: text_with(ORIGIN, "9" * 100, ROOT), "checkpoint_malformed"),
    "a root of 31 bytes": (lambda: text_with(ORIGIN, "3", oracle.b64(_lazy)), "checkpoint_malformed"),
    "a root without padding": (lambda: text_with(ORIGIN, "3", ROOT.rstrip("=")), "checkpoint_malformed"),
    "a root with trailing bits": (lambda: text_with(ORIGIN, "3", loose(ROOT)), "checkpoint_malformed"),
    "a root in base64url": (
        lambda: text_with(ORIGIN, "3", oracle.b64(b"\xff" * 32).replace("/", "_")), "checkpoint_malformed",
    ),
    "an empty tree with another root": (lambda: text_with(ORIGIN, "0", ROOT), "checkpoint_malformed"),
    "nothing": (lambda: b"", "note_malformed"),
    "no empty line": (lambda: good().replace(b"\n\n", b"\n"), "note_malformed"),
    "no signature": (lambda: TEXT.encode() + b"\n", "note_malformed"),
    "no text": (lambda: b"\n" + LOG.line(TEXT).encode(), "note_malformed"),
    "no last newline": (lambda: good()[:-1], "note_malformed"),
    "a carriage return": (lambda: good().replace(b"\n", b"\r\n"), "note_malformed"),
    "a tab": (lambda: text_with(ORIGIN + "\t", "3", ROOT), "note_malformed"),
    "a zero byte": (lambda: good().replace(b"example", b"ex\0mple"), "note_malformed"),
    "bytes that are no UTF-8": (lambda: good().replace(b"example", b"ex\xffmple"), "note_malformed"),
    "a surrogate": (lambda: good().replace(b"example", b"\xed\xa0\x80"), "note_malformed"),
    "a hyphen for the dash": (lambda: good().replace("\u2014".encode(), b"-"), "note_malformed"),
    "two spaces in a signature line": (
        lambda: good().replace(f"{oracle.DASH} w0".encode(), f"{oracle.DASH}  w0".encode()), "note_malformed",
    ),
    "a name with a plus": (lambda: good() + oracle.line("a+b", bytes(68)).encode(), "note_malformed"),
    "a name with a wide space": (lambda: good() + oracle.line("a\u2003b", bytes(68)).encode(), "note_malformed"),
    "a signature of four bytes": (lambda: good() + oracle.line("short", bytes(4)).encode(), "note_malformed"),
    "a signature that is no base64": (lambda: good() + f"{oracle.DASH} a b*d=\n".encode(), "note_malformed"),
    "a signature with trailing bits": (
        lambda: good() + f"{oracle.DASH} a {loose(oracle.b64(bytes(68)))}\n".encode(), "note_malformed",
    ),
    "an empty line behind the signatures": (lambda: good() + b"\n", "note_malformed"),
    "a line behind the signatures": (lambda: good() + b"more\n", "note_malformed"),
    "too many signatures": (
        lambda: good() + b"".join(oracle.line(f"s{n}", bytes(68)).encode() for n in range(70)), "note_too_large",
    ),
    "too many bytes": (lambda: good() + oracle.line("s", bytes(MAX_NOTE)).encode(), "note_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_note_is_refused(name: str) -> None:
    make, reason = MALFORMED[name]
    assert code(make()) == reason


def flipped(line: str) -> str:
    head, _, value = line.strip().rpartition(" ")
    raw = bytearray(base64.b64decode(value))
    raw[-1] ^= 1
    return f"{head} {oracle.b64(bytes(raw))}\n"


def quorum_of(*lines: str) -> bytes:
    return oracle.note(TEXT, LOG.line(TEXT), *lines)


def renamed(key: oracle.Key, name: str) -> oracle.Key:
    return oracle.Key(name, key.kind, key.secret)


UNBELIEVED: dict[str, tuple[Callable[[], bytes], str]] = {
    "another origin": (
        lambda: oracle.note(t := oracle.checkpoint_text("log.example.org/other", ENTRIES), LOG.line(t)),
        "wrong_origin",
    ),
    "an origin that goes on": (
        lambda: oracle.note(t := oracle.checkpoint_text(ORIGIN + "2", ENTRIES), LOG.line(t)), "wrong_origin",
    ),
    "a log nobody knows": (
        lambda: oracle.note(t := oracle.checkpoint_text("evil", ENTRIES), renamed(LOG, "evil").line(t)),
        "wrong_origin",
    ),
    "witnesses without the log": (
        lambda: oracle.note(TEXT, W[0].line(TEXT, NOW), W[1].line(TEXT, NOW)), "unsigned",
    ),
    "another key of the log's name": (
        lambda: oracle.note(TEXT, OTHER_LOG.line(TEXT), W[0].line(TEXT, NOW), W[1].line(TEXT, NOW)), "unsigned",
    ),
    "the key's id before another key's signature": (
        lambda: oracle.note(TEXT, oracle.line(ORIGIN, LOG.key_id + OTHER_LOG.secret.sign(TEXT.encode()))),
        "bad_signature",
    ),
    "the log's signature under another name": (
        lambda: oracle.note(TEXT, oracle.line("x", LOG.key_id + LOG.secret.sign(TEXT.encode()))), "unsigned",
    ),
    "a flipped bit in the log's signature": (
        lambda: oracle.note(TEXT, flipped(LOG.line(TEXT)), W[0].line(TEXT, NOW), W[1].line(TEXT, NOW)),
        "bad_signature",
    ),
    "a cut signature of the log": (
        lambda: oracle.note(TEXT, oracle.line(ORIGIN, LOG.key_id + LOG.secret.sign(TEXT.encode())[:-1])),
        "bad_signature",
    ),
    "a right and a wrong line of the log": (
        lambda: oracle.note(TEXT, LOG.line(TEXT), LOG.line(OTHER_TEXT), W[0].line(TEXT, NOW), W[1].line(TEXT, NOW)),
        "bad_signature",
    ),
    "another size": (lambda: good().replace(b"\n3\n", b"\n4\n"), "bad_signature"),
    "another root": (
        lambda: good().replace(ROOT.encode(), oracle.b64(bytes(32)).encode()), "bad_signature",
    ),
    "one witness of two": (lambda: quorum_of(W[0].line(TEXT, NOW)), "witnesses_missing"),
    "no witness": (quorum_of, "witnesses_missing"),
    "one witness twice": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[0].line(TEXT, NOW)), "witnesses_missing",
    ),
    "one witness at two times": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[0].line(TEXT, NOW - 1)), "witnesses_missing",
    ),
    "one witness under two names": (
        lambda: quorum_of(W[0].line(TEXT, NOW), renamed(W[0], W[1].name).line(TEXT, NOW)), "witnesses_missing",
    ),
    "a witness nobody asked": (
        lambda: quorum_of(W[0].line(TEXT, NOW), STRANGER.line(TEXT, NOW)), "witnesses_missing",
    ),
    "a stranger with a witness's name": (
        lambda: quorum_of(W[0].line(TEXT, NOW), renamed(STRANGER, W[1].name).line(TEXT, NOW)),
        "witnesses_missing",
    ),
    "a stranger with a witness's name and id": (
        lambda: quorum_of(
            W[0].line(TEXT, NOW),
            oracle.line(W[1].name, W[1].key_id + NOW.to_bytes(8, "big") + STRANGER.secret.sign(TEXT.encode())),
        ),
        "bad_signature",
    ),
    "a cosignature of another checkpoint": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[1].line(OTHER_TEXT, NOW)), "bad_signature",
    ),
    "a flipped bit in a cosignature": (
        lambda: quorum_of(W[0].line(TEXT, NOW), flipped(W[1].line(TEXT, NOW))), "bad_signature",
    ),
    "a time that was not signed": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[1].line(TEXT, NOW - 99, said=NOW)), "bad_signature",
    ),
    "a time of 2^63": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[1].line(TEXT, 2**63)), "bad_signature",
    ),
    "a witness that signed the text alone": (
        lambda: quorum_of(
            W[0].line(TEXT, NOW),
            oracle.line(W[1].name, W[1].key_id + NOW.to_bytes(8, "big") + W[1].secret.sign(TEXT.encode())),
        ),
        "bad_signature",
    ),
    "a witness's key used as a log's": (
        lambda: quorum_of(
            W[0].line(TEXT, NOW), oracle.Key(W[1].name, 1, W[1].secret).line(TEXT)
        ),
        "witnesses_missing",
    ),
    "a time in the future": (
        lambda: quorum_of(W[0].line(TEXT, NOW), W[1].line(TEXT, NOW + MAX_SKEW + 1)), "cosignature_time",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNBELIEVED)
def test_a_forged_checkpoint_is_not_believed(name: str) -> None:
    make, reason = UNBELIEVED[name]
    assert code(make()) == reason


def test_old_cosignatures_count_unless_an_age_is_asked_for() -> None:
    raw = quorum_of(W[0].line(TEXT, NOW), W[1].line(TEXT, NOW - 1000))
    open_checkpoint(raw, POLICY, now=NOW)
    open_checkpoint(raw, POLICY, now=NOW, max_age=1000)
    assert code(raw, max_age=999) == "cosignature_time"


def test_a_late_witness_does_no_harm_where_others_are_enough() -> None:
    raw = quorum_of(*(w.line(TEXT, NOW) for w in W[:2]), W[2].line(TEXT, NOW + 9_999))
    assert len(open_checkpoint(raw, POLICY, now=NOW).cosigned) == 2


def test_a_note_keeps_its_bytes() -> None:
    note = Note.parse(good())
    assert note.raw == good()
    assert note.text == TEXT.encode()
    assert note.with_signatures(note.signatures) == note
    inner = oracle.note("a\n\nb\n", LOG.line("a\n\nb\n"))
    assert Note.parse(inner).text == b"a\n\nb\n"
    assert Note.parse(inner).raw == inner


@pytest.mark.parametrize("text", [b"no newline", b"tab\t\n", b"\xff\n", b""])
def test_what_no_note_can_hold_is_not_signed(text: bytes) -> None:
    key = SigningKey.generate(ORIGIN, ED25519)
    sign_note(b"fine\n", key)
    with pytest.raises(LogRefused):
        sign_note(text, key)
    with pytest.raises(LogRefused):
        sign_note(b"fine\n", SigningKey.generate(ORIGIN, COSIGNATURE))


def test_keys_are_read_back_and_damaged_ones_refused() -> None:
    key = SigningKey.generate(ORIGIN, ED25519)
    assert SigningKey.parse(key.text) == key
    assert VerifierKey.parse(str(key.verifier)) == key.verifier
    assert key.secret.hex() not in repr(key) and oracle.b64(key.secret)[:20] not in repr(key)
    assert VerifierKey.parse(LOG.vkey).key_id == LOG.key_id
    name, key_id, body = LOG.vkey.split("+", 2)
    damaged = [
        "", "name", f"{name}+{key_id}", f"{name}+{key_id}+", f"x+{key_id}+{body}", f"{name}+00000000+{body}",
        f"{name}+{key_id.upper()}0+{body}", f"{name}+{key_id}+{body[:-4]}", f" {LOG.vkey}", f"{LOG.vkey}\n",
        f"{name}+{key_id}+{oracle.b64(bytes([2]) + LOG.public)}",
    ]  # fmt: skip
    for text in damaged:
        with pytest.raises(LogRefused) as caught:
            VerifierKey.parse(text)
        assert caught.value.code == "key_malformed", text
    for text in ("", LOG.vkey, key.text[:-4], key.text.replace("PRIVATE", "PUBLIC"), key.text + "x"):
        with pytest.raises(LogRefused) as caught:
            SigningKey.parse(text)
        assert caught.value.code == "key_malformed"
        assert oracle.b64(key.secret)[5:25] not in str(caught.value)
