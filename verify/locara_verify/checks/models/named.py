"""LC324, LC536: the texts that name a model: a pin, a file of the hub, a place in an index that a registry signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

FETCHED: Final = "LC324"
IDENTITY: Final = "LC536"
NAME: Final = "model-names"
_HEX: Final = "5e" * 32
REFERENCES: Final = (
    "hf:", "hf:a", "hf:a/b", "hf:a/b/", "HF:a/b/c", "hf:/a/b/c", "hf:a//c", "hf:../b/c", "hf:a/../c", "hf:a/b/../c",
    "hf:a/b/c/../../d", "hf:a/b//c", "hf:a/b/./c", "hf:a/b/c\\d", "hf:a/b/c\0", "hf:a/b/c\n", "hf:a b/c/d", "hf:.a/b/c",
    "hf:a./b/c", "hf:a..b/c/d", "hf:a/b..c/d", "hf:a%2f../b/c", "hf:a/b/c@", "hf:a/b/c@..", "hf:a/b/c@x/../y",
    "hf:a/b/c@x//y", "hf:a/b/c@/x", "hf:a/b/c@x/", "hf:a/b/c@x?y", "hf:a/b/c@x#y", "hf:a/b/c@x y", "hf:a/b/c@x\n",
    "hf:a/b/c@x%2fy", "hf:a/b/c@x@y", "hf:a/b/c@" + "x" * 129, "hf:" + "a" * 97 + "/b/c", "hf:a?/b/c", "hf:a#/b/c",
    "hf:user:word@a/b/c", "https://huggingface.co/a/b/c", "hf:\u0430/b/c", "hf:a/b/c\u202e", "hf:a/b/CON", "hf:a/b/c.",
)  # fmt: skip
"""What names no file of the hub."""
GOOD: Final = {
    "hf:a/b/c.gguf": ("a/b", "c.gguf", "main"),
    "hf:a-b/c.d/e/f.gguf@v1.0": ("a-b/c.d", "e/f.gguf", "v1.0"),
    "hf:a/b/c@refs/pr/1": ("a/b", "c", "refs/pr/1"),
}
PINS: Final = (
    _HEX, f"@sha256:{_HEX}", f"m@{_HEX}", f"m@sha256:{_HEX[:-1]}", f"m@sha256:{_HEX}0", f"m@sha256:{_HEX.upper()}",
    f"m@sha512:{_HEX}", f"m@sha256:{_HEX}\n", f"m@sha256: {_HEX}", f"M@sha256:{_HEX}", f"-m@sha256:{_HEX}",
    f".m@sha256:{_HEX}", f"m/n@sha256:{_HEX}", f"../m@sha256:{_HEX}", f"m n@sha256:{_HEX}", f"m\n@sha256:{_HEX}",
    f"m\0@sha256:{_HEX}", f"{'m' * 65}@sha256:{_HEX}", f"\u043c@sha256:{_HEX}", f"m@n@sha256:{_HEX}",
    f"m@sha256:{_HEX}@sha256:{_HEX}", f"m@sha256:{_HEX[:-1]}g", "m@sha256:" + "\uff15" * 64,
)  # fmt: skip
"""What is no pin."""
HUBS: Final = (
    "https://hub.test/path", "https://hub.test/?a", "https://hub.test/#a", "https://person:word@hub.test", "file:///",
    "https://hub.test\\@other.test",
)  # fmt: skip


@check(NAME, rules=(FETCHED, IDENTITY), quick=True)
def run(_ctx: Context) -> CheckResult:
    """Every text is read as what it is, or refused."""
    tally = Tally()
    for rule, what, act in _wrong():
        said = _code(act)
        tally.judge(
            rule,
            said not in ("taken", "broke off"),
            "what names no model is taken for a name",
            f"{what}: {said}",
        )
    for text, parts in GOOD.items():
        tally.twin(FETCHED, _parts(text) == parts, text)
    tally.twin(IDENTITY, _code(lambda: _pin(f"m@sha256:{_HEX}")) == "taken", "a pin")
    _secure(tally)
    return tally.result()


def _wrong() -> Iterator[tuple[str, str, Callable[[], object]]]:
    for text in REFERENCES:
        yield FETCHED, f"{text!a:.80}", lambda text=text: _parts(text)  # type: ignore[misc]
    for text in PINS:
        yield IDENTITY, f"{text!a:.90}", lambda text=text: _pin(text)  # type: ignore[misc]
    for hub in HUBS:
        yield FETCHED, f"the hub {hub}", lambda hub=hub: _looked_up(hub)  # type: ignore[misc]


def _code(act: Callable[[], object]) -> str:
    from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework

    try:
        act()
    except LocaraError as error:
        return error.code
    except Exception:  # whatever it is: a text must not break its reader
        return "broke off"
    return "taken"


def _parts(text: str) -> tuple[str, str, str]:
    from locara.models.hub import HubRef  # noqa: PLC0415 - loads the framework

    ref = HubRef.parse(text)
    return ref.repository, ref.path, ref.revision


def _pin(text: str) -> object:
    from locara.models.pin import Pin  # noqa: PLC0415 - loads the framework

    return Pin.parse(text)


class _Nobody:
    """A web that nobody may ask."""

    def ask(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - it never returns
        raise AssertionError("it was asked")


def _looked_up(hub: str) -> object:
    from locara.models.hub import HubRef, look_up  # noqa: PLC0415 - loads the framework

    web: Any = _Nobody()
    return look_up(HubRef.parse("hf:a/b/c"), web, hub=hub)


def _secure(tally: Tally) -> None:
    """What lies beside a signed index is fetched by TLS, whatever the registry was fetched by."""
    from locara.models.index import verified_index  # noqa: PLC0415 - loads the framework

    entry = {
        "id": "m", "version": "1", "displayName": "M", "license": "0BSD", "modality": "text-to-text", "size": 1,
        "sha256": _HEX, "urls": ["m.gguf"],
    }  # fmt: skip
    data = json.dumps({"schema": "locara-models/1", "models": [entry]}).encode()
    for scheme in ("http", "https"):
        index = verified_index(data, base=f"{scheme}://updates.test/targets/")
        (source,) = index.sources(index.entries[0])
        held = str(source) == "https://updates.test/targets/models/m.gguf"
        tally.judge(
            FETCHED,
            held,
            "a model of a signed index is fetched without TLS, or elsewhere",
            f"{scheme}: {source}",
        )
