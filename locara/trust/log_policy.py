"""Which logs are believed and which witnesses must have seen them (C2SP tlog-policy).

    log     example.org/log+3f1c…+AW9…  https://log.example.org
    witness W1 witness.example.org/w1+90ab…+BGx…
    witness W2 witness.example.net/w2+77fe…+BJd…
    group   both all W1 W2
    quorum  both

A group is met when as many of its members are met as it asks for (`any`, `all` or a number); members are
witnesses and earlier groups. A witness counts once, however often it signed and under whatever name: two
witnesses with one key are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara.trust.log_text import read_number
from locara.trust.note_keys import COSIGNATURE, ED25519, VerifierKey

MAX_POLICY: Final = 1024 * 1024
MAX_OF_A_KIND: Final = 128  # logs, witnesses, groups
_NONE: Final = "none"
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE: Final = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Group:
    """Met when at least `least` of the members, names of witnesses or of groups, are met."""

    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """Logs, named witnesses, groups of them, and the name that must be met (`none`: no witness is asked).

    Built by `parse`, or by `of` for k of n witnesses. `urls` holds the addresses the file gives, by the text
    of the key.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[tuple[str, VerifierKey], ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = _NONE
    urls: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, log: VerifierKey, witnesses: Iterable[VerifierKey] = (), *, least: int | None = None
    ) -> LogPolicy:
        """One log and `least` of these witnesses (all of them when not given)."""
        keys = tuple(witnesses)
        named = tuple((f"{key.name}+{key.key_id.hex()}", key) for key in keys)
        least = len(keys) if least is None else least
        if log.kind != ED25519 or any(key.kind != COSIGNATURE for key in keys):
            raise _bad("a key is for another kind of signature", 0)
        if len({key.public for key in keys}) < len(keys) or len(dict(named)) < len(keys):
            raise _bad("two witnesses have the same key", 0)
        if not keys and not least:
            return cls((log,))
        if not 1 <= least <= len(keys):
            raise _bad(f"{least} of {len(keys)} witnesses cannot be met", 0)
        return cls((log,), named, {"needed": Group(least, tuple(dict(named)))}, "needed")

    @classmethod
    def parse(cls, raw: bytes) -> LogPolicy:
        """The policy in the bytes of a file. Raises LogRefused `policy_malformed`, naming the line."""
        if len(raw) > MAX_POLICY:
            raise _bad("the policy is too large", 0)
        if _FORBIDDEN.search(raw):
            raise _bad("the policy holds a control character", 0)
        reader = _Reader()
        # Bytes above 127 are opaque here: one byte, one character, except in keys, which are UTF-8.
        for number, line in enumerate(raw.decode("latin-1").split("\n"), 1):
            words = [word for word in _SPACE.split(line) if word]
            if words and not words[0].startswith("#"):
                reader.line(words, number)
        return reader.policy()

    def met_by(self, names: Iterable[str]) -> bool:
        """True when these witnesses are enough."""
        return self.quorum == _NONE or self._met(self.quorum, frozenset(names))

    def _met(self, name: str, seen: frozenset[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in seen
        return sum(self._met(member, seen) for member in group.members) >= group.least

    @property
    def wanted(self) -> str:
        """What the quorum asks for, in words."""
        return self._words(self.quorum)

    def _words(self, name: str) -> str:
        group = self.groups.get(name)
        if group is None:
            return name
        members = ", ".join(self._words(member) for member in group.members)
        return f"at least {group.least} of ({members})"


class _Reader:
    """Takes the lines of a policy one by one; a line may only name what stands before it."""

    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._urls: dict[str, str] = {}
        self._quorum: str | None = None

    def line(self, words: list[str], number: int) -> None:
        """Raises LogRefused."""
        known = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._set_quorum}
        take = known.get(words[0])
        if take is None:
            raise _bad(f"a line begins with log, witness, group or quorum, not {words[0]!r}", number)
        take(words[1:], number)
        if max(len(self._logs), len(self._witnesses), len(self._groups)) > MAX_OF_A_KIND:
            raise _bad(f"there are more than {MAX_OF_A_KIND} of a kind", number)

    def _log(self, words: list[str], number: int) -> None:
        if len(words) not in (1, 2):
            raise _bad("a log has a key and perhaps an address", number)
        key = _key(words[0], ED25519, number)
        if key.public in {one.public for one in self._logs}:
            raise _bad("two logs have the same key", number)
        self._logs.append(key)
        self._urls.update({str(key): words[1]} if len(words) == 2 else {})

    def _witness(self, words: list[str], number: int) -> None:
        if len(words) not in (2, 3):
            raise _bad("a witness has a name, a key and perhaps an address", number)
        self._new_name(words[0], number)
        key = _key(words[1], COSIGNATURE, number)
        if key.public in {one.public for one in self._witnesses.values()}:
            raise _bad("two witnesses have the same key", number)
        self._witnesses[words[0]] = key
        self._urls.update({str(key): words[2]} if len(words) == 3 else {})

    def _group(self, words: list[str], number: int) -> None:
        if len(words) < 3:
            raise _bad("a group has a name, a number and members", number)
        name, asked, *members = words
        self._new_name(name, number)
        for member in members:
            if member not in self._witnesses and member not in self._groups:
                raise _bad(f"{member!r} is not a witness or group of an earlier line", number)
            if member in self._members:
                raise _bad(f"{member!r} is a member of two groups, or twice of one", number)
            self._members.add(member)
        if asked in ("any", "all"):
            least = 1 if asked == "any" else len(members)
        else:
            least = read_number(asked, f"line {number}: the number of a group", code="policy_malformed")
        if not 1 <= least <= len(members):
            raise _bad(f"{least} of {len(members)} members cannot be met", number)
        self._groups[name] = Group(least, tuple(members))

    def _set_quorum(self, words: list[str], number: int) -> None:
        if len(words) != 1:
            raise _bad("a quorum is one name", number)
        if self._quorum is not None:
            raise _bad("there is a second quorum", number)
        if words[0] not in {_NONE, *self._witnesses, *self._groups}:
            raise _bad(f"{words[0]!r} is not a witness or group of an earlier line", number)
        self._quorum = words[0]

    def _new_name(self, name: str, number: int) -> None:
        if name in {_NONE, *self._witnesses, *self._groups}:
            raise _bad(f"the name {name!r} is taken", number)

    def policy(self) -> LogPolicy:
        """Raises LogRefused when there is no quorum line."""
        if self._quorum is None:
            raise _bad("the policy has no quorum line; write `quorum none` to ask for no witness", 0)
        named = tuple(self._witnesses.items())
        return LogPolicy(tuple(self._logs), named, self._groups, self._quorum, self._urls)


def _key(text: str, kind: int, number: int) -> VerifierKey:
    try:
        key = VerifierKey.parse(text.encode("latin-1").decode("utf-8"))
    except (LogRefused, UnicodeDecodeError) as error:
        raise _bad(f"this is not a verifier key: {error}", number) from error
    if key.kind != kind:
        raise _bad(f"the key of {key.name} is for another kind of signature", number)
    return key


def _bad(message: str, line: int) -> LogRefused:
    return LogRefused(f"line {line}: {message}" if line else message, code="policy_malformed")
