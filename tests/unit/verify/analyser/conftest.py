"""A page made of a few files, and what the analyser reads in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from locara_verify.checks.analyser.reading import Reading, read
from locara_verify.checks.analyser.sources import frontend
from locara_verify.target import Target, walk


def reading_of(folder: Path, files: Mapping[str, str]) -> Reading:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return read(frontend(Target(folder, b"", None, None, (), tuple(walk(folder)), "")))


@pytest.fixture
def page(tmp_path) -> Callable[..., Reading]:
    def make(main: str, suffix: str = "ts", **others: str) -> Reading:
        files = {f"src/{name.replace('__', '/')}.{suffix}": text for name, text in others.items()}
        return reading_of(tmp_path, {f"src/main.{suffix}": main, **files})

    return make
