"""LC752 to LC755: notes, checkpoints, cosignatures and proof files that are almost right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, product

from locara.records import dataclass
from locara.trust.checkpoint import open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.note_keys import VerifierKey
from locara.trust.proof_file import ProofFile, check_proof
from locara_verify.check import CheckResult, check
from locara_verify.checks.log.trial import Trial, installed
from locara_verify.context import Context
from locara_verify.oracle import log as oracle

BYTES = "LC752"
SIGNED = "LC753"
QUORUM = "LC754"
FILE = "LC755"
NOW = 1_790_000_000
ORIGIN = "log.example.org/locara"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class World:
    """A log, three witnesses of which two are asked for, and a checkpoint of some entries; ``text`` is signed."""

    entries: list[bytes]
    text: str
    log: oracle.Key
    witnesses: list[oracle.Key]
    stranger: oracle.Key

    @classmethod
    def make(cls, rng: random.Random) -> World:
        """One whose keys and entries depend on the seed."""
        seed = rng.randrange(2**32)
        entries = [b"%d %d" % (seed, number) for number in range(rng.randint(2, 40))]
        witnesses = [oracle.Key.of(f"w{number}.example.org", 4, seed + number) for number in range(3)]
        text, log = oracle.checkpoint_text(ORIGIN, entries), oracle.Key.of(ORIGIN, 1, seed)
        return cls(entries, text, log, witnesses, oracle.Key.of("w9.example.org", 4, seed + 9))

    @property
    def policy_text(self) -> str:
        """The policy as a file."""
        lines = [f"witness w{number} {key.vkey}" for number, key in enumerate(self.witnesses)]
        return "\n".join([f"log {self.log.vkey}", *lines, "group two 2 w0 w1 w2", "quorum two", ""])

    def note(self, *lines: str) -> bytes:
        """The checkpoint with the log's line and these."""
        return oracle.note(self.text, self.log.line(self.text), *lines)

    def good(self) -> bytes:
        """A checkpoint that two witnesses signed."""
        return self.note(*(key.line(self.text, NOW - 60) for key in self.witnesses[:2]))


@check("log-notes", rules=(BYTES, SIGNED, QUORUM, FILE), applies=installed, quick=True)
def run(ctx: Context) -> CheckResult:
    """Generated worlds; in each every forgery once."""
    trial, rng = Trial(), ctx.rng("log-notes")
    for _ in range(max(2, ctx.profile.fuzz_examples // 100)):
        world = World.make(rng)
        policy = LogPolicy.parse(world.policy_text.encode())

        def opens(raw: bytes, policy: LogPolicy = policy) -> Callable[[], object]:
            return lambda: open_checkpoint(raw, policy, now=NOW)

        for rule in (BYTES, SIGNED, QUORUM):
            trial.believed(rule, "a cosigned checkpoint", opens(world.good()))
        for what, codes, raw in spellings(world):
            trial.refused(BYTES, what, codes, opens(raw))
        for what, codes, raw in signatures(rng, world):
            trial.refused(SIGNED, what, codes, opens(raw))
        for what, codes, raw in quorums(world):
            trial.refused(QUORUM, what, codes, opens(raw))
        for count in (2, 3):
            for some in combinations(world.witnesses, count):
                lines = [key.line(world.text, NOW) for key in some]
                trial.believed(
                    QUORUM, f"{count} witnesses", opens(world.note(*lines, world.stranger.line("x", 1)))
                )
        aged(trial, world, policy)
        policies(trial, world)
        tables(trial, world)
        files(trial, rng, world, policy)
    return trial.result()


def _signed(world: World, text: str) -> bytes:
    lines = [key.line(text, NOW) for key in world.witnesses]
    return oracle.note(text, world.log.line(text), *lines)


def _loose(text: str) -> str:
    """The same bytes in a second spelling, where there is one."""
    pad = len(text) - len(text.rstrip("="))
    at = len(text) - pad - 1
    return text[:at] + ALPHABET[ALPHABET.index(text[at]) + 1] + text[at + 1 :] if pad else text


def spellings(world: World) -> Iterator[tuple[str, str, bytes]]:
    """Notes that a careless reader takes for the same checkpoint; all are signed as they stand."""
    size, root = str(len(world.entries)), oracle.b64(oracle.tree_hash(world.entries))
    arabic = size.translate({48 + digit: 0x660 + digit for digit in range(10)})
    texts = {
        "a leading zero": (ORIGIN, f"0{size}", root),
        "a plus sign": (ORIGIN, f"+{size}", root),
        "a space before the size": (ORIGIN, f" {size}", root),
        "a space after the size": (ORIGIN, f"{size} ", root),
        "an underscore": (ORIGIN, f"{size}_0", root),
        "digits of another script": (ORIGIN, arabic, root),
        "a size of 2^63": (ORIGIN, str(2**63), root),
        "a root without padding": (ORIGIN, size, root.rstrip("=")),
        "a root with loose bits": (ORIGIN, size, _loose(root)),
        "a root in two parts": (ORIGIN, size, root[:20] + " " + root[20:]),
        "a short root": (ORIGIN, size, oracle.b64(oracle.tree_hash(world.entries)[:31])),
        "no root": (ORIGIN, size),
        "an empty line": (ORIGIN, size, root, "", "x"),
        "an empty tree with a root": (ORIGIN, "0", root),
    }  # fmt: skip
    for what, lines in texts.items():
        yield what, "checkpoint_malformed", _signed(world, "".join(f"{line}\n" for line in lines))
    good = world.good()
    first = world.log.line(world.text).encode()
    stray = oracle.b64(world.stranger.key_id + bytes(64))
    notes = {
        "carriage returns": good.replace(b"\n", b"\r\n"),
        "a control character": _signed(world, world.text + "a\tb\n"),
        "bytes that are no UTF-8": good.replace(b"example", b"ex\xffmple", 1),
        "no empty line": good.replace(b"\n\n", b"\n"),
        "no last newline": good[:-1],
        "an empty line at the end": good + b"\n",
        "words behind the signatures": good + b"more\n",
        "a hyphen for the dash": good + f"- s.example {stray}\n".encode(),
        "two spaces": good + f"{oracle.DASH} s.example  {stray}\n".encode(),
        "a signature with loose bits": good + f"{oracle.DASH} s.example {_loose(stray)}\n".encode(),
        "a signature without padding": good + f"{oracle.DASH} s.example {stray.rstrip('=')}\n".encode(),
        "a signature of four bytes": good + oracle.line("s.example", bytes(4)).encode(),
        "a name with a plus": good + oracle.line("s+x", bytes(68)).encode(),
        "a name with an odd space": good + oracle.line("s\u00a0x", bytes(68)).encode(),
        "no signature": good[: good.index(first)],
    }
    for what, raw in notes.items():
        yield what, "note_malformed", raw
    yield "signatures without end", "note_too_large", good + oracle.line("s", bytes(68)).encode() * 70
    yield "a note without end", "note_too_large", good + oracle.line("s", bytes(300_000)).encode()


def signatures(rng: random.Random, world: World) -> Iterator[tuple[str, str, bytes]]:
    """Checkpoints that the log did not sign."""
    text, log, quorum = world.text, world.log, [key.line(world.text, NOW) for key in world.witnesses]
    other = oracle.checkpoint_text(ORIGIN, [*world.entries, b"more"])
    elsewhere = oracle.checkpoint_text("log.example.org/other", world.entries)
    second = oracle.Key.of(ORIGIN, 1, rng.randrange(2**32))
    flipped = bytearray(log.secret.sign(text.encode()))
    flipped[rng.randrange(64)] ^= 1 << rng.randrange(8)
    signed = log.secret.sign(text.encode())
    lines = {
        "no line of the log": ("unsigned", ()),
        "another key of that name": ("unsigned", (second.line(text),)),
        "its signature under another name": ("unsigned", (oracle.line("x", log.key_id + signed),)),
        "its signature under another id": ("unsigned", (oracle.line(ORIGIN, bytes(4) + signed),)),
        "its id before another key's signature": (
            "bad_signature", (oracle.line(ORIGIN, log.key_id + second.secret.sign(text.encode())),),
        ),
        "its signature of another text": ("bad_signature", (log.line(other),)),
        "one bit changed": ("bad_signature", (oracle.line(ORIGIN, log.key_id + bytes(flipped)),)),
        "a signature that is cut": ("bad_signature", (oracle.line(ORIGIN, log.key_id + signed[:-1]),)),
        "a right and a wrong line": ("bad_signature", (log.line(text), log.line(other))),
        "a wrong and a right line": ("bad_signature", (log.line(other), log.line(text))),
        "a cosignature by its key": ("unsigned", (oracle.Key(ORIGIN, 4, log.secret).line(text, NOW),)),
    }  # fmt: skip
    for what, (code, own) in lines.items():
        yield what, code, oracle.note(text, *own, *quorum)
    yield "another origin, signed", "wrong_origin", _signed(world, elsewhere)
    yield (
        "another log of its own",
        "wrong_origin",
        oracle.note(elsewhere, oracle.Key("log.example.org/other", 1, log.secret).line(elsewhere)),
    )
    good = world.good()
    yield "another size", "bad_signature", good.replace(f"\n{len(world.entries)}\n".encode(), b"\n99\n", 1)
    yield (
        "another root",
        "bad_signature",
        good.replace(oracle.b64(oracle.tree_hash(world.entries)).encode(), oracle.b64(bytes(32)).encode(), 1),
    )


def quorums(world: World) -> Iterator[tuple[str, str, bytes]]:
    """Cosignatures that are not two."""
    text, first, second = world.text, world.witnesses[0], world.witnesses[1]
    other = oracle.checkpoint_text(ORIGIN, [*world.entries, b"more"])
    renamed = oracle.Key(second.name, 4, first.secret)
    posing = oracle.Key(second.name, 4, world.stranger.secret)
    forged = oracle.line(
        second.name, second.key_id + NOW.to_bytes(8, "big") + world.stranger.secret.sign(b"x")
    )
    missing = {
        "none": (),
        "one": (first.line(text, NOW),),
        "one twice": (first.line(text, NOW),) * 2,
        "one at two times": (first.line(text, NOW), first.line(text, NOW - 1)),
        "one under two names": (first.line(text, NOW), renamed.line(text, NOW)),
        "one and a stranger": (first.line(text, NOW), world.stranger.line(text, NOW)),
        "one and a stranger by another's name": (first.line(text, NOW), posing.line(text, NOW)),
        "one and a note signature": (
            first.line(text, NOW),
            oracle.Key(second.name, 1, second.secret).line(text),
        ),
        "one and another's under a name nobody asked for": (
            first.line(text, NOW),
            second.line(text, NOW).replace(second.name, world.stranger.name, 1),
        ),
    }
    wrong = {
        "one of another text": second.line(other, NOW),
        "one with a time that was not signed": second.line(text, NOW - 9, said=NOW),
        "one that signed no time": oracle.line(
            second.name, second.key_id + NOW.to_bytes(8, "big") + second.secret.sign(text.encode())
        ),
        "one forged under a witness's id": forged,
        "one without a time": oracle.line(second.name, second.key_id + second.secret.sign(text.encode())),
    }
    for what, lines in missing.items():
        yield what, "witnesses_missing", world.note(*lines)
    for what, line in wrong.items():
        yield what, "bad_signature", world.note(first.line(text, NOW), line)
    late = world.note(first.line(text, NOW), second.line(text, NOW + 86_400))
    yield "one in the future", "cosignature_time", late


def aged(trial: Trial, world: World, policy: LogPolicy) -> None:
    """Cosignatures under a policy that says how old they may be, on both sides of each bound."""
    first, second = world.witnesses[:2]
    most = 3_600
    for age, code in ((0, ""), (most, ""), (most + 1, "cosignature_time"), (NOW, "cosignature_time")):
        raw = world.note(first.line(world.text, NOW), second.line(world.text, NOW - age))

        def opens(raw: bytes = raw) -> object:
            return open_checkpoint(raw, policy, now=NOW, max_age=most)

        if code:
            trial.refused(QUORUM, f"one {age} seconds old", code, opens)
        else:
            trial.believed(QUORUM, f"one {age} seconds old", opens)
    said = {"w0": NOW - 50, "w1": NOW - 7}
    lines = [first.line(world.text, NOW - 50), *(second.line(world.text, NOW - ago) for ago in (100, 7, 90))]
    told: dict[str, float] = {}

    def opens_several() -> None:
        opened = open_checkpoint(world.note(*lines), policy, now=NOW)
        told.update((one.witness, one.time) for one in opened.cosigned)

    trial.believed(QUORUM, "one witness three times", opens_several)
    message = "a witness is said to have signed at another time"
    trial.holds(QUORUM, message, f"{told}, not {said}", fault=told != said)
    newer = world.note(
        *(key.line(world.text, NOW - 2 * most) for key in (first, second)), second.line(world.text, NOW)
    )
    trial.refused(
        QUORUM,
        "one old, one old and new",
        "cosignature_time",
        lambda: open_checkpoint(newer, policy, now=NOW, max_age=most),
    )


def policies(trial: Trial, world: World) -> None:
    """Policies that would count one witness as two, or that ask for nothing without saying so."""
    key, text = world.witnesses[0], world.policy_text
    again = oracle.Key("other.example.org", 4, key.secret)
    trial.believed(QUORUM, "the policy", lambda: LogPolicy.parse(text.encode()))
    for what, changed in {
        "one key under two names": text.replace(world.witnesses[1].vkey, again.vkey),
        "one member twice": text.replace("2 w0 w1 w2", "2 w0 w0 w2"),
        "a member of two groups": text.replace("quorum two", "group both 2 two w0\nquorum both"),
        "none of the members": text.replace("2 w0 w1 w2", "0 w0 w1 w2"),
        "more than there are": text.replace("2 w0 w1 w2", "4 w0 w1 w2"),
        "no quorum": text.replace("quorum two\n", ""),
        "two quorums": text + "quorum none\n",
        "a log's key as a witness": text.replace(key.vkey, oracle.Key(key.name, 1, key.secret).vkey),
        "a key whose id is another's": text.replace(key.key_id.hex(), "00000000"),
        "one key of two logs": f"log {oracle.Key('log.example.org/other', 1, world.log.secret).vkey}\n{text}",
    }.items():
        trial.refused(QUORUM, what, "policy_malformed", lambda raw=changed: LogPolicy.parse(raw.encode()))  # type: ignore[misc]
    log, one, two, twin = (VerifierKey.parse(one.vkey) for one in (world.log, key, world.witnesses[1], again))
    posing = VerifierKey.parse(oracle.Key(key.name, 1, world.stranger.secret).vkey)
    trial.believed(QUORUM, "a policy of keys", lambda: LogPolicy.of(log, (one, two), least=1))
    for what, keys, least in (
        ("one key twice", (one, one), 2),
        ("one key under two names", (one, twin), 2),
        ("one key under two names, of which one is needed", (one, twin), 1),
        ("a log's key as a witness", (two, posing), 2),
        ("none of the witnesses", (one, two), 0),
        ("fewer than none", (one, two), -1),
        ("more than there are", (one, two), 3),
        ("one of nobody", (), 1),
    ):
        trial.refused(
            QUORUM, f"{what}, by keys", "policy_malformed",
            lambda keys=keys, least=least: LogPolicy.of(log, keys, least=least),  # type: ignore[misc]
        )  # fmt: skip
    for kind in {*range(256)} - {1, 4}:
        vkey = oracle.Key(key.name, kind, key.secret).vkey
        trial.refused(SIGNED, f"a key of the kind {kind}", "key_malformed", partial(VerifierKey.parse, vkey))
    trial.refused(QUORUM, "a witness's key as a log", "policy_malformed", lambda: LogPolicy.of(one, (two,)))


def tables(trial: Trial, world: World) -> None:
    """Policies of several shapes against every set of witnesses: any, all, some, groups within groups."""
    heads = [f"log {world.log.vkey}"]
    heads += [f"witness w{number} {key.vkey}" for number, key in enumerate(world.witnesses)]
    shapes: dict[str, Callable[[bool, bool, bool], bool]] = {
        "group g any w0 w1 w2": lambda a, b, c: a or b or c,
        "group g all w0 w1 w2": lambda a, b, c: a and b and c,
        "group g 2 w0 w1 w2": lambda a, b, c: a + b + c >= 2,
        "group h any w1 w2\ngroup g all w0 h": lambda a, b, c: a and (b or c),
        "group h all w1 w2\ngroup g any w0 h": lambda a, b, c: a or (b and c),
    }
    lines = [key.line(world.text, NOW) for key in world.witnesses]
    for shape, holds in shapes.items():
        policy = LogPolicy.parse("\n".join([*heads, shape, "quorum g", ""]).encode())
        for some in product((False, True), repeat=3):
            keys = [key for key, signs in zip(world.witnesses, some, strict=True) if signs]
            raw = world.note(*(line for line, signs in zip(lines, some, strict=True) if signs))

            def opens(raw: bytes = raw, policy: LogPolicy = policy) -> object:
                return open_checkpoint(raw, policy, now=NOW)

            what = f"{shape!r} with {', '.join(key.name for key in keys) or 'nobody'}"
            if holds(*some):
                trial.believed(QUORUM, what, opens)
            else:
                trial.refused(QUORUM, what, "witnesses_missing", opens)


def files(trial: Trial, rng: random.Random, world: World, policy: LogPolicy) -> None:
    """Proof files for one entry."""
    index = rng.randrange(len(world.entries))
    leaf, path = oracle.leaf(world.entries[index]), oracle.audit_path(index, world.entries)
    good = oracle.proof_file(index, path, world.good())

    def proves(raw: bytes, leaf: bytes = leaf) -> Callable[[], object]:
        return lambda: check_proof(ProofFile.parse(raw), leaf, policy, now=NOW)

    trial.believed(FILE, "a proof file", proves(good))
    text = world.text
    fewer = world.entries[:-1]
    older = oracle.checkpoint_text(ORIGIN, fewer)
    forgeries = {
        "another index": ("not_included proof_malformed", oracle.proof_file(index + 1, path, world.good())),
        "a hash less": ("not_included", oracle.proof_file(index, path[:-1], world.good())),
        "a hash more": ("not_included", oracle.proof_file(index, [*path, bytes(32)], world.good())),
        "a checkpoint of another size": (
            "not_included proof_malformed", oracle.proof_file(index, path, _signed(world, older)),
        ),
        "a checkpoint nobody signed": ("note_malformed", oracle.proof_file(index, path, text.encode() + b"\n")),
        "a checkpoint of a stranger": (
            "unsigned", oracle.proof_file(index, path, oracle.note(text, oracle.Key.of(ORIGIN, 1, 1).line(text))),
        ),
        "a checkpoint no witness saw": ("witnesses_missing", oracle.proof_file(index, path, world.note())),
        "no checkpoint": ("note_malformed", oracle.proof_file(index, path, b"")),
        "another format": ("proof_malformed", good.replace(b"@v1", b"@v2", 1)),
        "a leading zero": ("proof_malformed", good.replace(b"index ", b"index 0", 1)),
        "no index": ("proof_malformed", good.replace(b"index ", b"Index ", 1)),
        "64 hashes": ("proof_malformed", oracle.proof_file(index, [bytes(32)] * 64, world.good())),
        "a hash with loose bits": (
            "proof_malformed", good.replace(oracle.b64(path[0]).encode(), _loose(oracle.b64(path[0])).encode(), 1),
        ),
        "carriage returns": ("proof_malformed", good.replace(b"\n", b"\r\n")),
    }  # fmt: skip
    for what, (codes, raw) in forgeries.items():
        trial.refused(FILE, what, codes, proves(raw))
    trial.refused(FILE, "another entry", "not_included", proves(good, oracle.leaf(b"another")))
    for now, most, code in (
        (NOW, 60, ""), (NOW, 59, "cosignature_time"), (NOW - 660, None, ""), (NOW - 661, None, "cosignature_time"),
    ):  # fmt: skip

        def at(now: int = now, most: int | None = most) -> object:
            return check_proof(ProofFile.parse(good), leaf, policy, now=now, max_age=most)

        what = f"witnesses of {now - NOW + 60} s ago, of at most {most} s"
        if code:
            trial.refused(FILE, what, code, at)
        else:
            trial.believed(FILE, what, at)
