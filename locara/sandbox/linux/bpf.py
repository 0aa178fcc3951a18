"""A classic BPF assembler, as much of one as a seccomp filter needs. Straight-line: jumps only skip
forward.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

LD_W_ABS: Final = 0x20
JEQ: Final = 0x15
JGT: Final = 0x25
JGE: Final = 0x35
JSET: Final = 0x45
AND: Final = 0x54
RET: Final = 0x06

# Offsets in struct seccomp_data; arguments are 64-bit and little-endian on both architectures.
NR_OFFSET: Final = 0
ARCH_OFFSET: Final = 4


def arg_low(index: int) -> int:
    """The offset of the low 32 bits of argument `index`."""
    return 16 + 8 * index


class Insn(NamedTuple):
    """One instruction: `jt`/`jf` are how many instructions are skipped when the test holds or fails."""

    code: int
    k: int
    jt: int = 0
    jf: int = 0


def load(offset: int) -> Insn:
    """Put the 32-bit word at `offset` into the accumulator."""
    return Insn(LD_W_ABS, offset)


def returns(action: int) -> Insn:
    """End the filter with a verdict."""
    return Insn(RET, action)


def encode(program: list[Insn]) -> bytes:
    """`struct sock_filter[]`, 8 bytes an instruction. ValueError: too long, or a jump that leaves its
    byte.
    """
    if not 0 < len(program) <= 4096:
        raise ValueError(f"a BPF program has 1 to 4096 instructions, not {len(program)}")
    for at, insn in enumerate(program):
        in_bytes = 0 <= insn.jt <= 255 and 0 <= insn.jf <= 255
        lands = at + 1 + max(insn.jt, insn.jf) < len(program) or (insn.code == RET and at + 1 == len(program))
        if not in_bytes or not lands:
            raise ValueError(f"instruction {at} jumps or runs out of the program")
    return b"".join(struct.pack("<HBBI", i.code, i.jt, i.jf, i.k) for i in program)
