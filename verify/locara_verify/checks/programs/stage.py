"""What the checks of programs share: when they apply, an app with both skills, and plain calls."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.runtime.client import Client
    from locara.runtime.launch import RunningApp

PICTURES: Final = ("page.png", "page.jpg", "page.bmp", "page.webp", "pages.tif")
CALL_SECONDS: Final = 150.0
SEEN: Final = "harbour office"
"""Words that stand in every picture and PDF file of the fixtures."""


def has_programs(target: Target) -> str | None:
    """Applies to apps that read or speak, and wherever the programs are installed: then to every app."""
    from locara.core.skills import SKILLS  # noqa: PLC0415 - loads the framework
    from locara.errors import LocaraError  # noqa: PLC0415
    from locara.programs.starter import FACTS  # noqa: PLC0415

    if any(skill.of(target.grants) for skill in SKILLS):
        return None
    try:
        for known in FACTS.values():
            known()
    except LocaraError:
        return "the app reads no pictures and does not speak, and the programs for it are not installed here"
    return None


def skilled(document: dict[str, Any]) -> None:
    """The app with both skills and a folder to put files into."""
    document["modalities"] = [*document.get("modalities", []), "image-to-text", "text-to-speech"]
    document["modalities"] = list(dict.fromkeys(document["modalities"]))
    document["capabilities"]["fs.app-data"] = "read-write"


@contextmanager
def reading_app(ctx: Context) -> Iterator[RunningApp]:
    """The app under test with both skills, running."""
    with ctx.open_app(ctx.variant("skilled", skilled)) as app:
        yield app


def sample(ctx: Context, name: str) -> bytes:
    """A file of the fixtures."""
    return (ctx.fixtures / "pictures" / name).read_bytes()


def expected(ctx: Context) -> Mapping[str, Any]:
    """What stands in the fixtures."""
    found: dict[str, Any] = json.loads((ctx.fixtures / "pictures/expected.json").read_text("utf-8"))
    return found


def put(client: Client, name: str, data: bytes) -> dict[str, JSON]:
    """Write a file into the app's own folder and return how it is named."""
    encoded = base64.b64encode(data).decode()
    client.call("fs.write", {"root": "$APP_DATA", "path": name, "data": encoded, "mode": "replace"})
    return {"root": "$APP_DATA", "path": name}


def running(words: bytes) -> list[int]:
    """Processes of this machine whose command line holds these words."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - a hundred processes, a hundred times a second
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb", buffering=0) as file:  # noqa: PTH123 - as above
                    if words in file.read():
                        found.append(int(name))
            except OSError:
                continue
    return found
