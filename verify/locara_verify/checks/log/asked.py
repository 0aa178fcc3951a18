"""LC755, LC757: what the person asks of `locara log` is what is asked of a proof, of a checkpoint and of a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.checks.in_process import verb
from locara_verify.checks.log.trial import Trial
from locara_verify.oracle import log as oracle

FILE: Final = "LC755"
SERVED: Final = "LC757"
_ORIGIN: Final = "log.example.org/asked"
_AGO: Final = 600


@dataclass(frozen=True, slots=True)
class _Asked:
    """Options, and what a refusal by them says of a log that two of three witnesses saw ten minutes ago."""

    options: tuple[str, ...]
    says: str = ""
    of_time: bool = False


def questions(trial: Trial, folder: Path, serve: Callable[[Path, list[bytes]], Path], seed: int) -> None:
    """Every action of the verb, with every way to say what is believed, in words and as JSON.

    ``serve`` writes the files of a log, whose checkpoint is written anew. Time is asked of a proof alone.
    """
    folder.mkdir(parents=True)
    keys = [oracle.Key.of(f"a{number}.example.org", 4, seed + number) for number in range(3)]
    signer, entries = oracle.Key.of(_ORIGIN, 1, seed), [b"asked %d" % number for number in range(9)]
    text, then = oracle.checkpoint_text(_ORIGIN, entries), int(time.time()) - _AGO
    note = oracle.note(text, signer.line(text), *(key.line(text, then) for key in keys[:2]))
    proof, entry, other = folder / "proof", folder / "entry", folder / "other"
    proof.write_bytes(oracle.proof_file(4, oracle.audit_path(4, entries), note))
    entry.write_bytes(entries[4])
    other.write_bytes(entries[5])
    log = serve(folder / "log", entries)
    (log / "checkpoint").write_bytes(note)
    stranger = oracle.Key.of(_ORIGIN, 1, seed + 9)
    for number, one in enumerate(_ways(folder, signer, stranger, keys)):
        for form in ("human", "json"):
            as_form = (*one.options, "--format", form)
            _judge(trial, FILE, ("log", "check", str(proof), "--entry", str(entry), *as_form), one)
            if one.of_time:
                continue
            _judge(trial, SERVED, ("log", "show", str(log), *as_form), one)
            remembered = str(folder / f"monitor-{number}-{form}")
            _judge(trial, SERVED, ("log", "monitor", str(log), "--state", remembered, *as_form), one)
        if one.of_time:
            continue
        out = folder / f"out-{number}"
        _judge(
            trial, SERVED, ("log", "prove", str(log), "--index", "4", "--out", str(out), *one.options), one
        )
        trial.holds(
            SERVED, "a proof is written of a log that is not believed, or none of one that is",
            f"{one.options}", fault=out.exists() == bool(one.says),
        )  # fmt: skip
    about = ("log", "check", str(proof), "--key", signer.vkey, "--entry")
    _judge(trial, FILE, (*about, str(other)), _Asked((), "does not lead to the root"))


def _ways(folder: Path, signer: oracle.Key, stranger: oracle.Key, keys: list[oracle.Key]) -> Iterator[_Asked]:
    seen = [f"witness w{number} {key.vkey}" for number, key in enumerate(keys)]
    policies = {
        "two": [f"log {signer.vkey}", *seen, "group g 2 w0 w1 w2", "quorum g"],
        "all": [f"log {signer.vkey}", *seen, "group g all w0 w1 w2", "quorum g"],
        "none": [f"log {signer.vkey}", *seen, "quorum none"],
        "stranger": [f"log {stranger.vkey}", *seen, "quorum none"],
    }
    told: dict[str, tuple[str, ...]] = {"key": ("--key", signer.vkey), "other": ("--key", stranger.vkey)}
    for name, lines in policies.items():
        (folder / name).write_text("\n".join([*lines, ""]), "utf-8")
        told[name] = ("--policy", str(folder / name))
    yield from (_Asked(told[name]) for name in ("two", "none", "key"))
    yield from (_Asked(told[name], "is not signed by") for name in ("stranger", "other"))
    yield _Asked(told["all"], "by enough witnesses")
    yield _Asked((*told["two"], "--max-age", str(2 * _AGO)), of_time=True)
    for age in (_AGO // 2, 1):
        yield _Asked((*told["two"], "--max-age", str(age)), "too old", of_time=True)


def _judge(trial: Trial, rule: str, words: tuple[str, ...], asked: _Asked) -> None:
    code, said = verb(*words)
    told = f"{' '.join(words[:2])} with {' '.join(asked.options)[:120]}: {code}, {said[:200]}"
    if not asked.says:
        if code:
            trial.broken.setdefault(rule, f"the allow twin failed: {told}")
        return
    trial.holds(rule, "what the person asked for was not asked", told, fault=code != 1)
    trial.holds(rule, "refused for another reason", told, fault=code == 1 and asked.says not in said)
