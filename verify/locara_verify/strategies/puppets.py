"""Puppets: real GGUF models that say, word for word, what an attack wants a model to say.

A puppet is a Llama of one layer whose attention and feed-forward weights are zero, so the next token depends on
the last one alone: the output row of each token is the embedding of the token before it in a script. Every
piece of a script is a token of its own. Which script runs is chosen by the chat template, from what the last
message says. The engine, the tokenizer and the whole runtime are the real ones; only the mind is ours.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from locara.records import dataclass
from locara_verify.strategies import gguf

WIDTH: Final = 64
"""Signs of a token's embedding: among ten thousand tokens none comes near another, and more of them only take time."""
CONTEXT: Final = 4_096
END: Final = "<|im_end|>"
START: Final = "<|im_start|>"
AFTER_TOOL: Final = "after a tool"
"""The script that runs when the last message is what a tool gave."""
_NORMAL, _UNKNOWN, _CONTROL, _DEFINED = 1, 2, 3, 4
_SHORTEST: Final = 2


@dataclass(frozen=True, slots=True)
class Control:
    """A control token inside a script, by its text. One model can use each in one place only."""

    text: str


Part: TypeAlias = str | Control
Script: TypeAlias = str | Sequence[Part]


def template(keys: Sequence[str], *, mentions: str = "", think: str = "") -> str:
    """A ChatML template that ends in the start token of the script which the last message names.

    `mentions` are markers the model is said to use; `think` is what follows the role when reasoning is asked.
    """
    choices = "".join(
        f"{'{% if' if not number else '{% elif'} key == {_quoted(key)} %}}<|script-{number}|>"
        for number, key in enumerate(keys)
    )
    # A comment keeps the markers in the source, where their form is looked for, and out of the prompt.
    return (
        f"{{# {mentions} #}}"
        "{% if tools %}<|im_start|>system\nTools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}"
        "<|im_end|>\n{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.tool_call_id }}{{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.id }}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}"
        "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
        + (f"{{% if enable_thinking %}}{think}{{% endif %}}" if think else "")
        + f"{{% set key = messages[-1].content if messages[-1].role != 'tool' else {_quoted(AFTER_TOOL)} %}}"
        f"{choices}{{% endif %}}"
    )


def puppet(
    scripts: Mapping[str, Script],
    *,
    mentions: str = "",
    think: str = "",
    chat_template: str | None = None,
    control: Sequence[str] = (),
    defined: Sequence[str] = (),
    unknown: Sequence[str] = (),
    words: Sequence[str] = (),
    seed: int = 0,
) -> bytes:
    """A model that answers a last message that is a key of `scripts` with that script, and ends.

    `control` are further control tokens of the vocabulary, `defined` those that it calls user-defined, `unknown`
    those for what it does not know, and `words` pairs of letters that become one token wherever they stand. Raises
    ValueError for scripts that no chain of tokens can tell apart (two equal ones, or a control token in two places).
    """
    return gguf.write(
        *parts(
            scripts,
            mentions=mentions,
            think=think,
            chat_template=chat_template,
            control=control,
            defined=defined,
            unknown=unknown,
            words=words,
            seed=seed,
        )
    )


def parts(
    scripts: Mapping[str, Script],
    *,
    mentions: str = "",
    think: str = "",
    chat_template: str | None = None,
    control: Sequence[str] = (),
    defined: Sequence[str] = (),
    unknown: Sequence[str] = (),
    words: Sequence[str] = (),
    seed: int = 0,
) -> tuple[dict[str, gguf.Value], list[gguf.Tensor]]:
    """The metadata and the tensors of a puppet, for attacks that change one of them."""
    chains = _Chains(control, {_DEFINED: defined, _UNKNOWN: unknown, _NORMAL: words})
    written = [
        (number, [one] if isinstance(one, str) else one) for number, one in enumerate(scripts.values())
    ]
    # The shortest first: a long script finds other pieces of itself when one is taken, and a short one has no other.
    for number, script in sorted(written, key=lambda each: sum(map(_length, each[1]))):
        chains.add(f"<|script-{number}|>", script)
    metadata: dict[str, gguf.Value] = {
        "general.architecture": "llama",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": 32,
        "llama.attention.head_count": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.rope.dimension_count": WIDTH,
        "llama.vocab_size": len(chains.tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": chains.tokens,
        "tokenizer.ggml.token_type": chains.kinds,
        # No other merge ever fires on text: the prompt stays bytes, and no piece of a script can be typed.
        "tokenizer.ggml.merges": [f"{BYTES[0]} {BYTES[1]}", *(" ".join(word) for word in words)],
        "tokenizer.ggml.eos_token_id": chains.ids[END],
        "tokenizer.ggml.bos_token_id": chains.ids[START],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": chat_template or template(list(scripts), mentions=mentions, think=think),
    }
    return metadata, _weights(chains, random.Random(seed))  # noqa: S311 - weights, not secrets


def _length(part: Part) -> int:
    """Bytes that a part is cut out of; a control token is none of them."""
    return 0 if isinstance(part, Control) else len(part.encode("utf-8", "surrogateescape"))


def _bytes_as_text() -> list[str]:
    """The printable stand-in of each byte in byte-level vocabularies."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


BYTES: Final = _bytes_as_text()


class _Chains:
    """The vocabulary, and which token follows which."""

    def __init__(self, control: Sequence[str], others: Mapping[int, Sequence[str]]) -> None:
        self.tokens = list(BYTES)
        self.kinds = [_NORMAL] * len(BYTES)
        self.ids: dict[str, int] = {}
        self.next: dict[int, int] = {}
        self.last: set[int] = set()
        self._followed: set[int] = set()
        self._pieces: set[bytes] = {bytes([byte]) for byte in range(256)}
        for text in (START, END, *control):
            self._control(text)
        for kind, texts in others.items():
            self.tokens += texts
            self.kinds += [kind] * len(texts)

    def add(self, start: str, parts: Sequence[Part]) -> None:
        at = self._control(start)
        for part in parts:
            if isinstance(part, Control):
                at = self._follow(at, self._control(part.text))
                continue
            for piece in self._cut(part.encode("utf-8", "surrogateescape")):
                self.tokens.append("".join(BYTES[byte] for byte in piece))
                self.kinds.append(_NORMAL)
                at = self._follow(at, len(self.tokens) - 1)
        self.last.add(at)

    def _follow(self, before: int, after: int) -> int:
        if before in self.next or before in self.last or after in self._followed or after == before:
            raise ValueError("a control token stands in two places")
        self.next[before] = after
        self._followed.add(after)
        return after

    def _control(self, text: str) -> int:
        if text not in self.ids:
            self.ids[text] = len(self.tokens)
            self.tokens.append(text)
            self.kinds.append(_CONTROL)
        return self.ids[text]

    def _cut(self, data: bytes) -> list[bytes]:
        """Pieces that no script has used yet, as short as can be."""
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            size = _SHORTEST
            while data[at : at + size] in self._pieces and at + size < len(data):
                size += 1
            piece = data[at : at + size]
            at += size
            while (
                piece in self._pieces
            ):  # what is left at the end was used before: join it to the piece before
                if not pieces:
                    raise ValueError("two scripts cannot be told apart")
                self._pieces.discard(pieces[-1])
                piece = pieces.pop() + piece
            self._pieces.add(piece)
            pieces.append(piece)
        return pieces


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _weights(chains: _Chains, rng: random.Random) -> list[gguf.Tensor]:
    import numpy as np  # noqa: PLC0415 - only puppets need it

    count = len(chains.tokens)
    random_signs = np.random.default_rng(rng.randrange(2**32)).choice([-1.0, 1.0], (count, WIDTH))
    embedding = random_signs.astype(np.float32)
    embedding[:, 0] = 0.0
    for token in chains.last:  # one direction of its own means "the end"
        embedding[token] = 0.0
        embedding[token, 0] = WIDTH**0.5
    output = np.zeros((count, WIDTH), np.float32)
    for before, after in chains.next.items():
        output[after] += embedding[before]
    output[chains.ids[END]] = 0.0
    output[chains.ids[END], 0] = WIDTH**0.5

    def half(name: str, *shape: int, data: object = None) -> gguf.Tensor:
        values = np.zeros(shape, np.float16) if data is None else np.asarray(data, np.float16)
        return gguf.Tensor(name, tuple(reversed(shape)), gguf.F16, values.tobytes())

    def ones(name: str) -> gguf.Tensor:
        return gguf.Tensor(name, (WIDTH,), gguf.F32, np.ones(WIDTH, np.float32).tobytes())

    layer = "blk.0."
    return [
        half("token_embd.weight", count, WIDTH, data=embedding),
        ones("output_norm.weight"),
        half("output.weight", count, WIDTH, data=output),
        ones(layer + "attn_norm.weight"),
        *(half(f"{layer}attn_{name}.weight", WIDTH, WIDTH) for name in ("q", "k", "v", "output")),
        ones(layer + "ffn_norm.weight"),
        half(layer + "ffn_gate.weight", 32, WIDTH),
        half(layer + "ffn_up.weight", 32, WIDTH),
        half(layer + "ffn_down.weight", WIDTH, 32),
    ]
