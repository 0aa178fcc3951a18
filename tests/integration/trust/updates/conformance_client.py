#!/usr/bin/env python3
"""Our update client behind the command line that the TUF conformance suite speaks to a client under test.

The suite is not part of this repository. With a checkout of it and `faketime` installed:

    pytest tuf_conformance --entrypoint "python3 …/tests/integration/trust/updates/conformance_client.py"
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from urllib.parse import quote

from locara.errors import LocaraError
from locara.trust.repository.client import update
from locara.trust.repository.fetcher import Fetcher
from locara.trust.repository.home import Home, Registry


class Tested(Home):
    """A home whose verified metadata lies where the suite looks, and whose registry the command line names."""

    told: list[Registry] = []  # noqa: RUF012 - one per process

    @property
    def seen(self) -> Path:
        return self.path / "seen"

    def registry(self) -> Registry:
        return self.told[0]


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("metadata-url", "metadata-dir", "target-dir", "target-base-url"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--target-name", action="append", default=[])
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("init").add_argument("trusted_root", type=Path)
    actions.add_parser("refresh")
    actions.add_parser("download")
    args = parser.parse_args()
    folder = Path(args.metadata_dir)
    home = Tested(folder.with_name(f"{folder.name}-home"))
    if args.action == "init":
        home.path.mkdir()
        home.seen.symlink_to(folder)
        data = args.trusted_root.read_bytes()
        (home.path / "root.json").write_bytes(data)
        (folder / "root.json").write_bytes(data)
        return 0
    root = (home.path / "root.json").read_bytes()
    targets = args.target_base_url or f"{args.metadata_url}/targets"

    class Addressed(Registry):
        @property
        def targets_url(self) -> str:
            return targets if targets.endswith("/") else f"{targets}/"

    url = args.metadata_url
    Tested.told.append(Addressed(url if url.endswith("/") else f"{url}/", root))
    try:
        copy = update(
            home, now=time.time(), required=tuple(args.target_name), optional=(), fetcher=Fetcher(silence=10)
        ).copy
        for name in args.target_name:
            place = Path(args.target_dir) / quote(name, safe="")
            data = copy.read(name)
            if not place.is_file() or place.read_bytes() != data:
                place.write_bytes(data)
    except LocaraError as error:
        print(f"{error.code}: {error.diagnostics()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
