"""LC771, the index of models: where a model is fetched from, read out of the copy of a registry.

Judged by the address that the supply of models would ask. A file of the copy that somebody else wrote leads nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from locara.errors import LocaraError
from locara_verify.checks.in_process import environment
from locara_verify.checks.updates.attacks import OFFLINE, Trial, new_trial
from locara_verify.context import Context

if TYPE_CHECKING:
    from locara_verify.checks.updates.forge import Forge

MODELS: Final = "models/index.json"
THEIRS: Final = "https://evil.example/m.gguf"
SHA: Final = "ab" * 32
_MESSAGE: Final = "an index of models is believed that the registry did not sign"


def of_models(ctx: Context) -> Trial:
    """The index as it was signed, then with each file of the copy that vouches for it changed."""
    trial = new_trial(ctx, "index")
    forge = trial.forge
    forge.put("targets", MODELS, _index("https://first.example/model.gguf"))
    forge.publish(("targets",))
    trial.update()
    good = trial.home.good
    at = good / "targets" / quote(MODELS, safe="")
    older = {
        at: at.read_bytes(),
        good / "metadata/targets.json": (good / "metadata/targets.json").read_bytes(),
    }
    signed = "https://signed.example/model.gguf"
    forge.put("targets", MODELS, _index(signed))
    forge.publish(("targets",))
    trial.update()
    good = trial.home.good
    older = {good / path.relative_to(path.parents[1]): data for path, data in older.items()}
    at, metadata = good / "targets" / quote(MODELS, safe=""), good / "metadata/targets.json"
    thief = _index(THEIRS)
    cases: dict[str, Mapping[Path, bytes]] = {
        "of a thief": {at: thief},
        "of a thief, and as long": {at: _padded(thief, len(at.read_bytes()))},
        "of a thief, named by nobody's signature": {at: thief, metadata: _renamed(metadata, thief)},
        "of a thief, signed by one key of two": {at: thief, metadata: _by(forge, thief, ["targets-1"])},
        "of a thief, signed by keys of another role": {
            at: thief, metadata: _by(forge, thief, ["urgent-1", "revocations-1", "snapshot-1"]),
        },
        "of the state before": older,
        "of the state before, the names are of now": {at: older[at]},
        "empty": {at: b""},
        "one that names nothing": {at: b'{"schema": "locara-models/1", "models": []}'},
    }  # fmt: skip
    with _as_followed(ctx, trial) as asked:
        for what, changes in cases.items():
            before = {path: path.read_bytes() for path in changes}
            for path, data in changes.items():
                path.write_bytes(data)
            said = asked()
            trial.judge(OFFLINE, said != "copy_changed", _MESSAGE, f"an index {what}: {said}")
            for path, data in before.items():
                path.write_bytes(data)
        if asked() != signed:
            trial.broken[OFFLINE] = f"the allow twin failed: the index that was signed: {asked()}"
    return trial


@contextmanager
def _as_followed(ctx: Context, trial: Trial) -> Iterator[Callable[[], str]]:
    """What a machine that follows this registry would ask for the model: an address, or the code of the refusal."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.runtime.registry_index import registry_index  # noqa: PLC0415
    from locara.runtime.state import default_state_root  # noqa: PLC0415

    folder = str(ctx.fresh_dir("person"))
    with environment(HOME=folder, XDG_STATE_HOME=folder):
        root = default_state_root()
        root.mkdir(parents=True)
        (root / "registry").symlink_to(trial.home.path)

        def asked() -> str:
            registry_index.cache_clear()
            try:
                found = registry_index()
                entry = None if found is None else found.find(Digest(SHA))
                return "nothing" if found is None or entry is None else str(found.sources(entry)[0])
            except LocaraError as error:
                return error.code
            except Exception as error:
                return f"broken off by {type(error).__name__}"

        yield asked
        registry_index.cache_clear()


def _index(url: str) -> bytes:
    about = {"id": "some-model", "version": "1", "displayName": "Some model", "license": "MIT"}
    entry = {**about, "modality": "text-to-text", "size": 1, "sha256": SHA, "urls": [url]}
    return json.dumps({"schema": "locara-models/1", "models": [entry]}).encode()


def _padded(data: bytes, size: int) -> bytes:
    """The same document in that many bytes, where it fits."""
    return data + b" " * max(0, size - len(data))


def _renamed(metadata: Path, data: bytes) -> bytes:
    """The metadata with the name of these bytes in it, under the signatures that it had."""
    from tuf.api.metadata import TargetFile  # noqa: PLC0415 - slow to load

    value = json.loads(metadata.read_bytes())
    value["signed"]["targets"][MODELS] = TargetFile.from_data(MODELS, data, ["sha256"]).to_dict()
    return json.dumps(value).encode()


def _by(forge: Forge, data: bytes, keys: list[str]) -> bytes:
    """The targets of this state with these bytes for an index, signed by these keys; the forge stays as it is."""
    from tuf.api.metadata import Metadata, TargetFile, Targets  # noqa: PLC0415 - slow to load

    signed: Any = Targets.from_dict(forge.signed["targets"].to_dict())
    signed.targets[MODELS] = TargetFile.from_data(MODELS, data, ["sha256"])
    metadata: Metadata[Any] = Metadata(signed)
    for name in keys:
        metadata.sign(forge.signer(name), append=True)
    return metadata.to_bytes()
