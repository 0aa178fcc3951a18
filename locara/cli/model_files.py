"""Is this file a model that a backend of this version may be given? Asked before it enters the cache."""

# ruff: noqa: PLC0415 - the readers are imported when there is something to read

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

from locara.errors import ModelError

_GGUF: Final = b"GGUF"
_WHISPER: Final = b"lmgg"  # 0x67676d6c, little endian
_OTHERS: Final = {
    b"PK\x03\x04": "a zip archive (PyTorch and Keras files are: they can hold code)",
    b"\x80\x02": "a pickle, which can hold code",
    b"\x80\x04": "a pickle, which can hold code",
    b"\x80\x05": "a pickle, which can hold code",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
    b"vers": "a pointer of Git LFS, not the file itself",
    b"<!DO": "a web page",
    b"<htm": "a web page",
}


def inspect(path: Path) -> None:
    """Return when the file has a complete and consistent header. Raises ModelError `bad_format`."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _GGUF:
            from locara.inference.gguf import read_header

            read_header(file, path.stat().st_size)
        elif start == _WHISPER:
            from locara.inference.whisper_file import check_model

            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                check_model(view)
        else:
            kinds = (name for magic, name in _OTHERS.items() if start.startswith(magic))
            raise ModelError(
                f"this is no model that a backend can be given, but {next(kinds, 'something else')}",
                fix="use the model's GGUF file, or for speech its whisper.cpp file",
            )
