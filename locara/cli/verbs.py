"""The verbs: those of this distribution, and those that other distributions add by entry point."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol, cast

GROUP: Final = "locara.verbs"
# Name to module and one-line summary. The summary is here too, so that --help imports no verb.
BUILT_IN: Final = {
    "init": ("locara.cli.init", "begin a new app from a template"),
    "run": ("locara.cli.run", "run an app inside its sandbox"),
    "install": ("locara.cli.install", "verify the bundle of an app strictly, and keep it to be run"),
    "dev": (
        "locara.cli.dev",
        "run an app in its sandbox with its page in your browser, renewed as you edit",
    ),
    "test": ("locara.cli.test", "run an app's own tests against its real runtime"),
    "add": ("locara.cli.add", "write components of the packaged registry into an app"),
    "explain": ("locara.cli.explain", "say what a capability or a rule means"),
    "audit-log": ("locara.cli.audit_log", "show or verify the record of an app's decisions"),
    "models": ("locara.cli.models", "get, pin, list, verify, import or collect models"),
    "tools": ("locara.cli.tools", "list, verify or import tools of the cache"),
    "log": (
        "locara.cli.log",
        "follow a transparency log, look at it, and check proofs of its entries",
    ),
    "witness": (
        "locara.cli.witness",
        "remember what transparency logs said, and cosign only what continues it",
    ),
    "consent": ("locara.cli.consent", "answer what an app asks for, see your answer, or take it back"),
    "grants": ("locara.cli.grants", "see what you let apps find again, and take it back"),
    "trust": ("locara.cli.trust", "follow a registry, fetch its updates, see what they are worth"),
    "revocations": ("locara.cli.revocations", "say what is revoked on this machine, and what that stops"),
    "db": ("locara.cli.db", "compare, migrate, export or import an app's database"),
    "diff": ("locara.cli.diff", "say what one version of an app may do and another may not"),
    "attest": (
        "locara.cli.attest",
        "say what an attestation claims, or whether it is to be believed",
    ),
    "completion": (
        "locara.cli.completion",
        "print a script that completes locara's verbs and options in your shell",
    ),
    "doctor": ("locara.cli.doctor", "say what this machine can enforce, and why not"),
}
# Verbs of our own packages: found by the package, as nobody else may answer to these names, and in a clone, too,
# where nothing is installed.
OURS: Final = {
    "verify": ("locara_verify.cli", "verify", "verify"),
    "replay": ("locara_verify.cli", "replay", "verify"),
}


class Verb(Protocol):
    """What a verb is: one line of help, its arguments, and the work, which returns the exit code."""

    summary: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments to its parser."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work."""


def load(name: str) -> Verb | None:
    """The verb of that name, or None when nobody offers it."""
    if name in BUILT_IN:
        return cast("Verb", importlib.import_module(BUILT_IN[name][0]))
    return _ours(name) or _installed(name)


def beside(name: str, module: str) -> ModuleType | None:
    """A module of the package that offers a verb, without the verb itself; None when nobody offers it."""
    package = _found(name)
    if package is None:
        from importlib.metadata import entry_points

        packages = (point.module.partition(".")[0] for point in entry_points(group=GROUP, name=name))
        package = next(packages, None)
    return None if package is None else importlib.import_module(f"{package}.{module}")


def _installed(name: str) -> Verb | None:
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        return cast("Verb", point.load())
    return None


def _ours(name: str) -> Verb | None:
    """The verb of a package of ours, installed or beside this one in a clone; None where there is neither."""
    if _found(name) is None:
        return None
    module, attribute, _ = OURS[name]
    return cast("Verb", getattr(importlib.import_module(module), attribute))


def _found(name: str) -> str | None:
    """The package of ours that offers a verb, once it can be imported; None when there is none."""
    if name not in OURS:
        return None
    module, _, folder = OURS[name]
    package = module.partition(".")[0]
    if find_spec(package) is None:
        place = Path(__file__).resolve().parents[2] / folder
        if not (place / package / "__init__.py").is_file():
            return None
        sys.path.append(str(place))
        importlib.invalidate_caches()
    return package


def names() -> tuple[str, ...]:
    """Every verb there is, sorted, without importing any."""
    from importlib.metadata import entry_points

    installed = {point.name for point in entry_points(group=GROUP)}
    found = {name for name in OURS if name in installed or _offers(name)}
    return tuple(sorted(set(BUILT_IN) | installed | found))


def _offers(name: str) -> bool:
    module, _, folder = OURS[name]
    package = module.partition(".")[0]
    return find_spec(package) is not None or (Path(__file__).resolve().parents[2] / folder / package).is_dir()


def summary(name: str) -> str:
    """The one line that --help shows for a verb."""
    if name in BUILT_IN:
        return BUILT_IN[name][1]
    verb = load(name)
    return "" if verb is None else verb.summary
