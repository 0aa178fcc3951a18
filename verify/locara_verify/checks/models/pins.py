"""LC501: every model an app pins is in the cache with exactly the pinned bytes, and is a model at all."""

from __future__ import annotations

from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, is_safetensors, is_speech_model, pins_models
from locara_verify.context import Context

RULE: Final = "LC501"
NAME: Final = "model-pins"


@check(NAME, rules=(RULE,), needs=frozenset({"models"}), applies=pins_models, quick=True)
def run(ctx: Context) -> CheckResult:
    """Hash every pinned file and read its header; a pin that differs in one digit must find nothing."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.inference import safetensors_file  # noqa: PLC0415 - loads the framework
    from locara.inference.gguf import read_header  # noqa: PLC0415 - loads the framework
    from locara.inference.whisper_file import check_model  # noqa: PLC0415 - loads the framework
    from locara.models.pin import Pin  # noqa: PLC0415 - loads the framework

    tally = Tally()
    cache = ctx.model_cache
    models = ctx.grants.models
    for number, (name, digest) in enumerate(models.items()):
        ctx.progress(number, len(models), name)
        pin = Pin.parse(f"{name}@{digest}")
        path = cache.blob(pin.digest)
        if path is None:
            tally.undecided(RULE, f"{name} is not in the model cache; add it with `locara models import`")
            continue
        try:
            cache.verify(pin.digest)
            sound = is_speech_model(path)
            if sound:
                check_model(memoryview(path.read_bytes()))
            with path.open("rb") as file:
                reader = safetensors_file.read_header if is_safetensors(path) else read_header
                tensors = sound or bool(reader(file, path.stat().st_size).tensors)
        except ModelError as error:
            tally.expect(RULE, False, f"{name}: {error.message}", error.code, model=name)
            continue
        tally.expect(RULE, tensors, f"{name} holds no tensors", "read from its header", model=name)
        neighbour = Digest(("1" if digest.hex[0] == "0" else "0") + digest.hex[1:])
        tally.expect(
            RULE,
            cache.blob(neighbour) is None,
            f"{name}: a pin with one other digit also finds a file",
            "asked the cache for the changed digest",
            model=name,
        )
    return tally.result()
