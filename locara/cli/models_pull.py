"""`locara models pull`: the pinned models of an app, from the sources that an index names."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from locara.cli.exits import Exit, exit_of
from locara.cli.model_files import inspect
from locara.cli.models_signature import SignatureState, Signing, keep
from locara.cli.not_revoked import not_revoked
from locara.cli.terminal import colours, print_error, printable, size_text
from locara.core.manifest import parse_manifest
from locara.errors import LocaraError, UsageError
from locara.models.cache import ModelCache
from locara.models.fetch import Wanted, Watch, fetch
from locara.models.index import LOCAL_NAME, Index, read_index
from locara.models.pin import Pin
from locara.models.profiles import choose, ram_bytes
from locara.models.signature_file import kept_signature, read_signature
from locara.models.sources import find_source
from locara.models.users import MANIFEST, remember
from locara.models.web import Web
from locara.runtime.registry_index import registry_index


def pull(cache: ModelCache, args: argparse.Namespace) -> int:
    """Get every model that is named and not there yet. The gravest exit code of those that could not be had."""
    web = Web()
    pins: list[Pin] = []
    indexes: list[Index] = []
    for item in args.items or ["."]:
        folder = Path(item)
        if (folder / MANIFEST).is_file():
            pins += _pins_of(folder, every=args.all)
            if (folder / LOCAL_NAME).is_file():
                indexes.append(read_index(str(folder / LOCAL_NAME)))
            if not args.dry_run:
                remember(cache, folder)
        elif "@" in item:
            pins.append(Pin.parse(item))
        else:
            raise UsageError(
                f"{item} is neither an app's folder nor a pin", fix="see `locara models pull --help`"
            )
    signing = Signing(args)
    given = [read_index(place, web) for place in args.index]
    worst = Exit.PASSED
    for pin in dict.fromkeys(pins):
        try:
            _one(cache, pin, (*given, *indexes), web, signing, dry=args.dry_run)
        except LocaraError as error:
            print_error(f"{pin.id}: {error.diagnostics()}")
            worst = max(worst, exit_of(error))
            if error.code == "disk_full":
                break
    return worst


def _pins_of(folder: Path, *, every: bool) -> list[Pin]:
    path = folder / MANIFEST
    manifest = parse_manifest(path.read_bytes(), source=str(path))
    if every:
        return [Pin.parse(text) for text in manifest.capabilities.models]
    ram = ram_bytes()
    choice = choose(manifest, ram)
    if choice.profile is not None:
        print(f"{manifest.app_id}: profile {choice.profile} for this machine ({size_text(ram)} of memory)")
        if not choice.fits:
            print(
                f"  this machine has less than the {choice.min_ram_gb} GiB that the smallest profile asks for"
            )
    return list(choice.models)


def _one(
    cache: ModelCache, pin: Pin, indexes: tuple[Index, ...], web: Web, signing: Signing, *, dry: bool
) -> None:
    if cache.blob(pin.digest) is not None and (dry or cache.is_intact(pin.digest)):
        known = "" if dry or not signing.asked else f", {_signed(cache, pin, indexes, web, signing).text}"
        print(f"{pin.id}  in the cache{known}")
        return
    not_revoked(model=pin.digest)
    found = find_source(pin, _all(indexes))
    hosts = found.origin
    print(f"{pin.id}  {size_text(found.entry.size)}, licence {found.entry.license}, from {hosts}", flush=True)
    if dry:
        return
    bundle = None if found.signature is None else read_signature(found.signature, web)
    signed = signing.accept(bundle, pin.digest)  # before a byte of the model is asked for
    meta = {**found.entry.meta, "id": pin.id, "origin": hosts}
    wanted = Wanted(pin.digest, found.entry.size, found.sources, meta)
    with _bar(pin.id, found.entry.size) as progress:
        fetch(cache, wanted, web=web, watch=replace(_watch(), progress=progress))
    cache.note_verified(pin.digest, time.time())
    state = keep(cache, pin.digest, bundle, signed)
    print(f"{pin.id}  added as {pin.digest}, {state.text}")


def _signed(
    cache: ModelCache, pin: Pin, indexes: tuple[Index, ...], web: Web, signing: Signing
) -> SignatureState:
    """The signature of a model that is here: the one that was kept, else the one that an index names."""
    bundle = kept_signature(cache, pin.digest)
    if bundle is None:
        named = next((index for index in _all(indexes) if index.find(pin.digest) is not None), None)
        place = None if named is None else find_source(pin, (named,)).signature
        bundle = None if place is None else read_signature(place, web)
    return keep(cache, pin.digest, bundle, signing.accept(bundle, pin.digest))


def _all(indexes: tuple[Index, ...]) -> Iterator[Index]:
    """The indexes that were named, then the one of the registry that this machine follows."""
    yield from indexes
    found = registry_index()
    if found is not None:
        yield found


def _watch() -> Watch:
    def say(text: str) -> None:
        print(f"  {printable(text)}", file=sys.stderr, flush=True)

    return Watch(
        inspect=inspect,
        waiting=lambda: say("another process is getting this model: waiting for it"),
        failed=say,
    )


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; silence elsewhere, where a bar would only fill a log."""
    if not colours(sys.stderr):
        yield lambda done: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where a bar is drawn
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(name, total=total)
        yield lambda done: shown.update(task, completed=done)
