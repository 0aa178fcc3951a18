"""What is put on this machine must not be revoked, whoever gave it."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from locara.cli.model_files import inspect
from locara.cli.terminal import printable
from locara.core.digest import Digest
from locara.runtime.revocation import refuse_part
from locara.runtime.state import StateFolder, default_state_root


def not_revoked(*, model: Digest | None = None, tool: Digest | None = None) -> None:
    """Raise StartError ``revoked`` or ``revocation_stale`` when it must not be installed; print what is only a
    warning."""
    state = StateFolder(default_state_root())
    for notice in refuse_part(state, now=time.time(), model=model, tool=tool):
        print(f"warning: {printable(notice)}", file=sys.stderr, flush=True)


def inspect_wanted(path: Path, also: Callable[[Digest], object] = lambda _: None) -> None:
    """Inspect the copy of a model before it enters the cache: its format, whether it is revoked, and what
    ``also`` has to say about its digest."""
    inspect(path)
    with path.open("rb") as file:
        digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
    not_revoked(model=digest)
    also(digest)
