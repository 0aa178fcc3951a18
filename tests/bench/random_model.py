"""A Llama of realistic size with random weights, for speed alone. Written on demand, never kept."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, KV_HEADS, FORWARD, VOCABULARY = 768, 12, 12, 4, 2048, 32_000


def write(target: Path, tokenizer: Path) -> None:
    """Write about 100 million parameters in Q8_0 (107 MB) with the tokenizer of another GGUF file."""
    source = gguf.GGUFReader(tokenizer)
    tokens = source.fields["tokenizer.ggml.tokens"].contents()
    tokens += [f"[filler{number}]" for number in range(VOCABULARY - len(tokens))]
    out = gguf.GGUFWriter(target, "llama")
    out.add_context_length(2048)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FORWARD)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(VOCABULARY)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(tokens)
    kinds = source.fields["tokenizer.ggml.token_type"].contents()
    out.add_token_types(kinds + [int(gguf.TokenType.NORMAL)] * (VOCABULARY - len(kinds)))
    out.add_token_merges(source.fields["tokenizer.ggml.merges"].contents())
    out.add_bos_token_id(0)
    out.add_eos_token_id(2)
    out.add_add_bos_token(False)
    out.add_chat_template(source.fields["tokenizer.chat_template"].contents())
    _add_tensors(out)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _add_tensors(out: gguf.GGUFWriter) -> None:
    rng = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        kind = gguf.GGMLQuantizationType.F32 if len(shape) == 1 else gguf.GGMLQuantizationType.Q8_0
        values = np.ones(shape, np.float32)
        if len(shape) > 1:
            values = rng.standard_normal(shape, np.float32) * 0.02
        out.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    kv_width = WIDTH // HEADS * KV_HEADS
    add("token_embd.weight", VOCABULARY, WIDTH)
    add("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        add(block + "attn_norm.weight", WIDTH)
        add(block + "ffn_norm.weight", WIDTH)
        add(block + "attn_q.weight", WIDTH, WIDTH)
        add(block + "attn_k.weight", kv_width, WIDTH)
        add(block + "attn_v.weight", kv_width, WIDTH)
        add(block + "attn_output.weight", WIDTH, WIDTH)
        add(block + "ffn_gate.weight", FORWARD, WIDTH)
        add(block + "ffn_up.weight", FORWARD, WIDTH)
        add(block + "ffn_down.weight", WIDTH, FORWARD)
