"""A Llama in MLX: one verified safetensors file, checked tensor by tensor before anything is computed.

The file carries what a model folder usually spreads over several files: its metadata entry `locara` is one JSON
text with the shape of the network, the vocabulary and the chat template, so that one digest pins all of it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locara.core import strict_json
from locara.core.digest import Digest
from locara.errors import ManifestError, ModelError
from locara.inference.native import open_model
from locara.inference.safetensors_file import Header, read_header

ENTRY: Final = "locara"
_FLOATS: Final = frozenset({"F32", "F16", "BF16"})
Array = Any  # an MLX array: the package has no useful types here
Count = Annotated[int, Field(ge=1, le=2**20)]


class Described(BaseModel):
    """The metadata entry of a model file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    architecture: Annotated[str, Field(pattern="^llama$")]
    layers: Annotated[int, Field(ge=1, le=256)]
    width: Count
    heads: Annotated[int, Field(ge=1, le=512)]
    kv_heads: Annotated[int, Field(ge=1, le=512)]
    forward: Count
    context: Annotated[int, Field(ge=8, le=2**20)]
    epsilon: Annotated[float, Field(gt=0, lt=1)]
    rope_base: Annotated[float, Field(gt=0, le=1e9)]
    tokens: Annotated[list[str], Field(min_length=256, max_length=2**20)]
    merges: Annotated[list[str], Field(max_length=2**20)]
    special: dict[str, int]
    end: Annotated[list[int], Field(min_length=1, max_length=64)]
    begin: int | None = None
    template: Annotated[str, Field(max_length=65_536)]


@cache
def library() -> Any:  # noqa: ANN401  (a module without types)
    """The module `mlx.core`, imported once. Raises ModelError `unknown_model` when it is not installed."""
    try:
        return importlib.import_module("mlx.core")
    except ImportError as error:
        raise ModelError(
            "this installation has no MLX backend", code="unknown_model", fix="install the extra `mlx`"
        ) from error


class MlxModel:
    """The weights and the arithmetic of one model."""

    def __init__(self, path: Path, digest: Digest) -> None:
        """Open, hash, check and load the file, all through one descriptor.

        Raises ModelError: `not_cached`, `digest_mismatch`, `bad_format`, `unknown_model` (no MLX here).
        """
        with os.fdopen(open_model(path), "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest.hex:
                raise ModelError(
                    f"the model file has other bytes than its digest {digest} says",
                    code="digest_mismatch",
                    fix="delete this model from the cache and add it again",
                )
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            header = read_header(file, size)
            self.described = describe(header)
            mx = self._mx = library()
            file.seek(0)
            try:
                self._weights: dict[str, Array] = mx.load(file, format="safetensors")
                mx.eval(list(self._weights.values()))  # read now: the file is closed afterwards
            except (RuntimeError, ValueError) as error:
                raise ModelError("the model cannot be loaded", code="bad_format") from error

    def fresh(self) -> list[tuple[Array, Array] | None]:
        """An empty memory, one place per layer."""
        return [None] * self.described.layers

    def step(self, tokens: list[int], memory: list[tuple[Array, Array] | None]) -> Array:
        """Take tokens in and return the logits after the last one; the memory grows by them."""
        mx, it, weights = self._mx, self.described, self._weights
        held = memory[0]
        offset = 0 if held is None else held[0].shape[2]
        x = weights["model.embed_tokens.weight"][mx.array([tokens])]
        for layer in range(it.layers):
            name = f"model.layers.{layer}."
            inner = mx.fast.rms_norm(x, weights[name + "input_layernorm.weight"], it.epsilon)
            x = x + self._attend(name + "self_attn.", inner, memory, layer, offset)
            inner = mx.fast.rms_norm(x, weights[name + "post_attention_layernorm.weight"], it.epsilon)
            gate = inner @ weights[name + "mlp.gate_proj.weight"].T
            up = inner @ weights[name + "mlp.up_proj.weight"].T
            x = x + (gate * mx.sigmoid(gate) * up) @ weights[name + "mlp.down_proj.weight"].T
        last = mx.fast.rms_norm(x[:, -1, :], weights["model.norm.weight"], it.epsilon)
        head = weights["lm_head.weight" if "lm_head.weight" in weights else "model.embed_tokens.weight"]
        return (last @ head.T)[0].astype(mx.float32)

    def _attend(
        self, name: str, x: Array, memory: list[tuple[Array, Array] | None], layer: int, offset: int
    ) -> Array:
        mx, it, weights = self._mx, self.described, self._weights
        count, size = x.shape[1], it.width // it.heads

        def heads(part: str, number: int) -> Array:
            return (
                (x @ weights[f"{name}{part}_proj.weight"].T)
                .reshape(1, count, number, size)
                .transpose(0, 2, 1, 3)
            )

        def turned(values: Array) -> Array:
            return mx.fast.rope(values, size, traditional=False, base=it.rope_base, scale=1.0, offset=offset)

        queries, keys, values = (
            turned(heads("q", it.heads)),
            turned(heads("k", it.kv_heads)),
            heads("v", it.kv_heads),
        )
        held = memory[layer]
        if held is not None:
            keys, values = mx.concatenate([held[0], keys], axis=2), mx.concatenate([held[1], values], axis=2)
        memory[layer] = (keys, values)
        out = mx.fast.scaled_dot_product_attention(
            queries, keys, values, scale=size**-0.5, mask="causal" if count > 1 else None
        )
        return out.transpose(0, 2, 1, 3).reshape(1, count, it.width) @ weights[f"{name}o_proj.weight"].T


def describe(header: Header) -> Described:
    """The description in a header, when the tensors are exactly those it needs. Raises ModelError `bad_format`."""
    try:
        document = strict_json.parse(
            header.metadata.get(ENTRY, "").encode(), source=ENTRY, max_bytes=64 << 20
        )
        it = Described.model_validate(document.value)
    except ManifestError as error:
        raise _bad(f"its entry `{ENTRY}` is not strict JSON ({error.code})") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _bad(f"its entry `{ENTRY}`: {'.'.join(map(str, first['loc']))[:80]}: {first['msg']}") from error
    if it.width % it.heads or it.heads % it.kv_heads or it.width // it.heads % 2:
        raise _bad("its heads do not divide its width")
    ids = range(len(it.tokens))
    if not all(number in ids for number in (*it.special.values(), *it.end, it.begin or 0)):
        raise _bad("a special token is outside the vocabulary")
    found = {tensor.name: tensor.shape for tensor in header.tensors}
    wanted = shapes(it)
    if "lm_head.weight" in found:
        wanted["lm_head.weight"] = wanted["model.embed_tokens.weight"]
    if found != wanted or not {tensor.dtype for tensor in header.tensors} <= _FLOATS:
        raise _bad("its tensors are not those of the network that it describes")
    return it


def shapes(it: Described) -> dict[str, tuple[int, ...]]:
    """The tensors of a network, by name, without a separate output head."""
    kv = it.width // it.heads * it.kv_heads
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (len(it.tokens), it.width),
        "model.norm.weight": (it.width,),
    }
    parts: Mapping[str, tuple[int, ...]] = {
        "input_layernorm": (it.width,), "post_attention_layernorm": (it.width,),
        "self_attn.q_proj": (it.width, it.width), "self_attn.o_proj": (it.width, it.width),
        "self_attn.k_proj": (kv, it.width), "self_attn.v_proj": (kv, it.width),
        "mlp.gate_proj": (it.forward, it.width), "mlp.up_proj": (it.forward, it.width),
        "mlp.down_proj": (it.width, it.forward),
    }  # fmt: skip
    for layer in range(it.layers):
        found |= {f"model.layers.{layer}.{part}.weight": shape for part, shape in parts.items()}
    return found


def _bad(message: str) -> ModelError:
    return ModelError(f"the model cannot be used: {message}", code="bad_format")
