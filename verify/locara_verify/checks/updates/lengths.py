"""LC770 and LC771 where sizes lie: what is signed with a length has that length, and nothing is taken without end.

A server may send more than was signed for, or go on for ever where nothing was signed of a length yet; whoever holds
keys may sign for a length that no machine holds. How much a client took is counted at the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from locara_verify.checks.storage.alone import unheld
from locara_verify.checks.updates.attacks import OFFLINE, ONLINE, Trial, again
from locara_verify.context import Context

MOST: Final = {"root": 512_000, "timestamp": 16_384, "snapshot": 2_000_000, "targets": 5_000_000}
"""How many bytes a client may take of each, where nothing was signed of its length."""
LARGEST: Final = 16 << 20
_PIECE: Final = 65_536
_ENDLESS: Final = 1 << 25


def run(ctx: Context, start: Trial) -> Iterator[Trial]:
    """The tries, each on a repository of its own that begins like this one."""
    yield from _endless(again(ctx, start))
    yield _huge(again(ctx, start))
    yield _measured(again(ctx, start))
    yield _by_length_alone(again(ctx, start))


def _endless(trial: Trial) -> Iterator[Trial]:
    """Each file of the metadata goes on for ever. The rest of the state is honest."""
    before = trial.believed()
    trial.forge.write("root")
    trial.forge.publish(("targets", "revocations", "urgent"))
    for name, most in MOST.items():
        file = "timestamp.json" if name == "timestamp" else f"2.{name}.json"
        taken = _streamed(trial, file)
        code = trial.attempt()
        held = code == "too_long" and taken() <= most + 2 * _PIECE and trial.believed() == before
        told = f"{file}: {code or 'taken'} after {taken():,} bytes, at most {most:,}"
        trial.judge(ONLINE, not held, "a client takes more than there may be", told)
    yield trial


def _streamed(trial: Trial, file: str) -> Callable[[], int]:
    """Have one file come without end, for this one time; how much of it was taken."""
    real, count = type(trial.forge)._fetch, [0]

    def endless() -> Iterator[bytes]:
        while count[0] < _ENDLESS:
            count[0] += _PIECE
            yield b" " * _PIECE

    def fetch(url: str) -> Iterator[bytes]:
        return endless() if url.endswith(f"/{file}") else real(trial.forge, url)

    trial.forge._fetch = fetch  # type: ignore[method-assign]
    return lambda: count[0]


def _signed(edit: Callable[[Any], object]) -> Callable[[Any], None]:
    """An edit of the target that the list of revocations is."""

    def change(signed: Any) -> None:  # noqa: ANN401 - metadata of any role
        edit(signed.targets["revocations/list.json"])

    return change


def _huge(trial: Trial) -> Trial:
    """A target that is signed for with a length beyond the bound is not even asked for."""
    before = trial.believed()
    wrong = unheld(trial.home.alone, lasting=True)
    trial.judge(
        OFFLINE, bool(wrong), wrong or "what a registry says is kept by two at once", "what a registry says"
    )
    trial.forge.next_state(2)

    def huge(target: Any) -> None:  # noqa: ANN401 - a class of a library that loads slowly
        target.length = LARGEST + 1

    trial.forge.write("revocations", _signed(huge))
    trial.forge.carry()
    trial.forge.asked.clear()
    code = trial.attempt()
    asked = [name for name in trial.forge.asked if "list.json" in name]
    held = code == "too_long" and not asked and trial.believed() == before
    trial.judge(
        ONLINE, not held, "a target of any length is fetched", f"{code or 'taken'}, {len(asked)} requests"
    )
    return trial


def _measured(trial: Trial) -> Trial:
    """The bytes are those of the digest that was signed, and not as many as were signed for."""
    before = trial.believed()
    trial.forge.next_state(2)

    def longer(target: Any) -> None:  # noqa: ANN401 - as above
        target.length += 1

    trial.forge.write("revocations", _signed(longer))
    trial.forge.carry()
    code = trial.attempt()
    held = bool(code) and trial.believed() == before
    told = f"signed for a byte more: {code or 'taken'}"
    trial.judge(ONLINE, not held, "a target has another length than was signed, and is taken", told)
    return trial


def _by_length_alone(trial: Trial) -> Trial:
    """A snapshot whose length is signed and whose digest is not: the same words with a blank behind are longer."""
    _with_length(trial)
    trial.update()
    place = trial.home.good / "metadata/snapshot.json"
    data = place.read_bytes()
    place.write_bytes(data + b" ")
    said = trial.believed()
    told = f"a snapshot of {len(data) + 1} bytes for {len(data)}: {said if isinstance(said, str) else 'believed'}"
    trial.judge(OFFLINE, said != "copy_changed", "a copy that was changed is believed", told)
    place.write_bytes(data)
    before = trial.believed()
    if isinstance(before, str):
        trial.broken[OFFLINE] = "the allow twin failed: a copy that was put right is not believed"
    trial.forge.next_state(2)
    file = _with_length(trial)
    trial.forge.files[file] += b" "
    code = trial.attempt()
    held = bool(code) and trial.believed() == before
    trial.judge(
        ONLINE, not held, "a snapshot has another length than was signed, and is taken", code or "taken"
    )
    return trial


def _with_length(trial: Trial) -> str:
    """Sign a state in which the timestamp says how long the snapshot is; the file of that."""
    forge = trial.forge
    forge.carry()
    file = f"{forge.signed['snapshot'].version}.snapshot.json"
    forge.signed["timestamp"].snapshot_meta.length = len(forge.files[file])
    forge.write("timestamp")
    return file
