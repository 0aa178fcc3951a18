"""Is this file a model that a backend of this version may be given? Asked before it enters the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locara.errors import ModelError

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
    from locara.inference.gguf import MAGIC, read_header  # noqa: PLC0415 - only when a model is added

    with path.open("rb") as file:
        start = file.read(4)
        if start != MAGIC:
            what = next(
                (name for magic, name in _OTHERS.items() if start.startswith(magic)), "something else"
            )
            raise ModelError(f"this is no GGUF model but {what}", fix="use a GGUF file of the model")
        file.seek(0)
        read_header(file, path.stat().st_size)
