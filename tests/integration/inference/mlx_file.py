"""The shipped chat model as a file for MLX: the same weights, in the other format."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np


def safetensors(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + b"".join(values.tobytes() for values in tensors.values())


def half_turned(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of neighbours that turn together, put into two halves: how MLX wants them."""
    rows, width = values.shape
    return values.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def parts(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the description of a small GGUF Llama."""
    source = gguf.GGUFReader(path)

    def field(name: str) -> Any:
        return source.fields[name].contents()

    found = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in source.tensors}
    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    names = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    tensors = {
        "model.embed_tokens.weight": found["token_embd.weight"],
        "model.norm.weight": found["output_norm.weight"],
    }
    for layer in range(field("llama.block_count")):
        for ours, theirs in names.items():
            values = found[f"blk.{layer}.{ours}.weight"]
            turns = {"attn_q": heads, "attn_k": kv_heads}.get(ours)
            tensors[f"model.layers.{layer}.{theirs}.weight"] = (
                values if turns is None else half_turned(values, turns)
            )
    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    special = {token: number for number, token in enumerate(tokens) if kinds[number] == 3}
    base = source.fields.get("llama.rope.freq_base")
    described = {
        "architecture": "llama",
        "layers": field("llama.block_count"),
        "width": field("llama.embedding_length"),
        "heads": heads,
        "kv_heads": kv_heads,
        "forward": field("llama.feed_forward_length"),
        "context": field("llama.context_length"),
        "epsilon": float(field("llama.attention.layer_norm_rms_epsilon")),
        "rope_base": float(base.contents()) if base else 10_000.0,
        "tokens": tokens,
        "merges": field("tokenizer.ggml.merges"),
        "special": special,
        "end": [special["<|im_end|>"], special["<|endoftext|>"]],
        "template": field("tokenizer.chat_template"),
    }
    return {name: np.ascontiguousarray(values, np.float32) for name, values in tensors.items()}, described


def convert(path: Path, **changes: Any) -> bytes:
    """The whole file; `changes` replace parts of the description."""
    tensors, described = parts(path)
    return safetensors(tensors, {"locara": json.dumps({**described, **changes})})
