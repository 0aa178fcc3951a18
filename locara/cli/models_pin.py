"""`locara models pin`: the digest from the hub's metadata into an app's locara.json."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

from locara.cli.exits import Exit
from locara.cli.terminal import printable, size_text
from locara.errors import UsageError
from locara.models import hub
from locara.models.index import LOCAL_NAME, write_local
from locara.models.pin import Pin
from locara.models.pin_edit import replace_file, with_pin
from locara.models.web import Web

MANIFEST = "locara.json"


def pin(args: argparse.Namespace) -> int:
    """Look the file up, show the change of the manifest, and write it when asked to."""
    ref = hub.HubRef.parse(args.ref)
    name = args.id if args.id is not None else hub.model_id(ref.path)
    Pin.parse(f"{name}@sha256:{'0' * 64}")
    modality = hub.modality_of(args.modality)
    path: Path = args.app / MANIFEST
    try:
        before = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{args.app} is not an app: it has no {MANIFEST}") from error
    found = hub.look_up(ref, Web(), hub=args.hub or hub.HUB)
    chosen = Pin(name, found.digest)
    after = with_pin(before, chosen, source=str(path))
    print(
        f"{printable(ref.repository)} {printable(ref.path)}, commit {found.commit[:12]}: "
        f"{size_text(found.size)}, licence {found.license}\n{chosen}"
    )
    if before == after:
        print(f"{path} pins it already")
    else:
        print(_difference(before, after), end="")
    if not args.write:
        print("nothing was written: add --write")
        return Exit.PASSED
    write_local(args.app, found.entry(name, modality))
    if before != after:
        replace_file(path, before, after)
    print(f"written: the pin in {path}, where to get it in {LOCAL_NAME}; next: locara models pull {args.app}")
    return Exit.PASSED


def _difference(before: bytes, after: bytes) -> str:
    old, new = (printable_lines(data) for data in (before, after))
    return "".join(
        f"{line}\n" for line in difflib.unified_diff(old, new, "before", "after", n=2, lineterm="")
    )


def printable_lines(data: bytes) -> list[str]:
    """The lines of a text, none of which can steer a terminal."""
    return [printable(line) for line in data.decode("utf-8").splitlines()]
