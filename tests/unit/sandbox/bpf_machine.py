"""A classic BPF machine for tests, written from the kernel's documentation and not from the assembler."""

from __future__ import annotations

import struct

SECCOMP_DATA = struct.Struct("<iIQ6Q")


def run(program: bytes, *, nr: int, arch: int, args: tuple[int, ...] = ()) -> int:
    """The verdict of a filter for one call."""
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    padded = (*args, *(0,) * (6 - len(args)))
    data = SECCOMP_DATA.pack(nr if nr < 2**31 else nr - 2**32, arch, 0, *(a % 2**64 for a in padded))
    accumulator, counter = 0, 0
    for _ in range(len(code) + 1):
        op, jt, jf, k = code[counter]
        counter += 1
        if op == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif op == 0x54:
            accumulator &= k
        elif op == 0x06:
            return k
        elif op & 0x07 == 0x05:
            holds = {
                0x15: accumulator == k,
                0x25: accumulator > k,
                0x35: accumulator >= k,
                0x45: bool(accumulator & k),
            }[op]
            counter += jt if holds else jf
        else:
            raise AssertionError(f"unknown instruction {op:#x}")
    raise AssertionError("the filter does not end")
