"""The verbs of `locara-registry`. The line of help is here too, so that --help imports no verb."""

from __future__ import annotations

import importlib
from typing import Final, cast

from locara.cli.verbs import Verb

VERBS: Final = {
    "tuf": ("locara_registry.cli.tuf", "publish, revoke, renew and rotate keys in the update repository"),
    "trust": ("locara_registry.cli.trust", "make, renew or look at the keys and certificates of an instance"),
    "log": ("locara_registry.cli.log", "publish, check and witness the transparency log of an instance"),
}


def names() -> tuple[str, ...]:
    """Every verb there is, sorted."""
    return tuple(sorted(VERBS))


def summary(name: str) -> str:
    """The one line that --help shows for a verb."""
    return VERBS[name][1]


def load(name: str) -> Verb | None:
    """The verb of that name, or None."""
    if name not in VERBS:
        return None
    return cast("Verb", importlib.import_module(VERBS[name][0]))
