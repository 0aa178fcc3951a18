"""The checks. MODULES is the whole list: a module that is not named here does not run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from locara.records import dataclass
from locara_verify.check import Check, registered

# One line per module, sorted. Modules keep their imports light: libraries that take long to load
# (hypothesis, numpy, the inference backends) are imported inside the functions that use them.
MODULES: Final = (
    "locara_verify.checks.analyser.judge",
    "locara_verify.checks.attestation.altered",
    "locara_verify.checks.attestation.bundle",
    "locara_verify.checks.attestation.forged",
    "locara_verify.checks.attestation.hostile",
    "locara_verify.checks.attestation.offline",
    "locara_verify.checks.bench.calls",
    "locara_verify.checks.bench.decisions",
    "locara_verify.checks.bench.inference",
    "locara_verify.checks.bench.launches",
    "locara_verify.checks.bench.native",
    "locara_verify.checks.bench.vectors",
    "locara_verify.checks.consent.circles",
    "locara_verify.checks.consent.entries",
    "locara_verify.checks.consent.records",
    "locara_verify.checks.consent.shown",
    "locara_verify.checks.consent.starts",
    "locara_verify.checks.consent.verbs",
    "locara_verify.checks.consent.words",
    "locara_verify.checks.decide.algebra",
    "locara_verify.checks.decide.oracle",
    "locara_verify.checks.desktop.broker",
    "locara_verify.checks.desktop.live",
    "locara_verify.checks.desktop.sessions",
    "locara_verify.checks.desktop.unread",
    "locara_verify.checks.escape.arguments",
    "locara_verify.checks.escape.asked_first",
    "locara_verify.checks.escape.audit",
    "locara_verify.checks.escape.bounds",
    "locara_verify.checks.escape.each_time",
    "locara_verify.checks.escape.frames",
    "locara_verify.checks.escape.handed",
    "locara_verify.checks.escape.handles",
    "locara_verify.checks.escape.lanes",
    "locara_verify.checks.escape.links",
    "locara_verify.checks.escape.log_files",
    "locara_verify.checks.escape.names",
    "locara_verify.checks.escape.nearly",
    "locara_verify.checks.escape.network",
    "locara_verify.checks.escape.order",
    "locara_verify.checks.escape.outside",
    "locara_verify.checks.escape.paths",
    "locara_verify.checks.escape.private_places",
    "locara_verify.checks.escape.protected",
    "locara_verify.checks.escape.quota",
    "locara_verify.checks.escape.remembered",
    "locara_verify.checks.escape.rooted",
    "locara_verify.checks.escape.swap",
    "locara_verify.checks.escape.traced",
    "locara_verify.checks.escape.tunnels",
    "locara_verify.checks.escape.walk",
    "locara_verify.checks.fuzz.manifest",
    "locara_verify.checks.log.followers",
    "locara_verify.checks.log.notes",
    "locara_verify.checks.log.proofs",
    "locara_verify.checks.manifest.labels",
    "locara_verify.checks.manifest.own_tests",
    "locara_verify.checks.manifest.secrets",
    "locara_verify.checks.manifest.static",
    "locara_verify.checks.models.answers",
    "locara_verify.checks.models.bits",
    "locara_verify.checks.models.data_in_prompts",
    "locara_verify.checks.models.headers",
    "locara_verify.checks.models.hostile",
    "locara_verify.checks.models.identity",
    "locara_verify.checks.models.named",
    "locara_verify.checks.models.pins",
    "locara_verify.checks.models.safetensors_headers",
    "locara_verify.checks.models.shelf",
    "locara_verify.checks.models.signatures",
    "locara_verify.checks.models.sorted_answers",
    "locara_verify.checks.models.speech",
    "locara_verify.checks.models.templates",
    "locara_verify.checks.models.undeclared",
    "locara_verify.checks.models.written_calls",
    "locara_verify.checks.network.bridge",
    "locara_verify.checks.network.certificates",
    "locara_verify.checks.network.downloads",
    "locara_verify.checks.network.headers",
    "locara_verify.checks.network.redirects",
    "locara_verify.checks.network.urls",
    "locara_verify.checks.network.workshop",
    "locara_verify.checks.offline.packets",
    "locara_verify.checks.offline.secrets",
    "locara_verify.checks.programs.answers",
    "locara_verify.checks.programs.bounded",
    "locara_verify.checks.programs.confined",
    "locara_verify.checks.programs.hostile",
    "locara_verify.checks.programs.life",
    "locara_verify.checks.programs.lookup",
    "locara_verify.checks.sandbox.entitlements",
    "locara_verify.checks.sandbox.exchanged",
    "locara_verify.checks.sandbox.filters",
    "locara_verify.checks.sandbox.hygiene",
    "locara_verify.checks.sandbox.layers",
    "locara_verify.checks.sandbox.outlived",
    "locara_verify.checks.sandbox.owners",
    "locara_verify.checks.sandbox.planted",
    "locara_verify.checks.sandbox.probes",
    "locara_verify.checks.sandbox.shipped_code",
    "locara_verify.checks.sandbox.signed",
    "locara_verify.checks.storage.at_rest",
    "locara_verify.checks.storage.calls",
    "locara_verify.checks.storage.engines",
    "locara_verify.checks.storage.exports",
    "locara_verify.checks.storage.full_disk",
    "locara_verify.checks.storage.kept",
    "locara_verify.checks.storage.layers",
    "locara_verify.checks.storage.migrations",
    "locara_verify.checks.storage.named",
    "locara_verify.checks.storage.settings",
    "locara_verify.checks.storage.sql",
    "locara_verify.checks.tools.attacks",
    "locara_verify.checks.tools.bounds",
    "locara_verify.checks.tools.cache",
    "locara_verify.checks.tools.code",
    "locara_verify.checks.tools.rights",
    "locara_verify.checks.tools.written",
    "locara_verify.checks.updates.attacks",
    "locara_verify.checks.updates.believed",
    "locara_verify.checks.updates.chains",
    "locara_verify.checks.updates.entries",
    "locara_verify.checks.updates.followed",
    "locara_verify.checks.updates.installs",
    "locara_verify.checks.updates.known",
    "locara_verify.checks.updates.line",
    "locara_verify.checks.updates.lists",
    "locara_verify.checks.window.consent_page",
    "locara_verify.checks.window.dialogs",
    "locara_verify.checks.window.dropped",
    "locara_verify.checks.window.first_run",
    "locara_verify.checks.window.frames",
    "locara_verify.checks.window.helpers",
    "locara_verify.checks.window.live",
    "locara_verify.checks.window.probes",
    "locara_verify.checks.window.reports",
    "locara_verify.checks.window.scheme",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The checks that loaded, and for each module that did not, the reason: it is reported, never ignored."""

    checks: Mapping[str, Check]
    broken: Mapping[str, str]


def load(modules: tuple[str, ...] = MODULES) -> Loaded:
    """Import ``modules`` and return the checks they registered."""
    broken: dict[str, str] = {}
    for module in modules:
        try:
            _import(module)
        except Exception as error:
            broken[module] = f"{type(error).__name__}: {error}"
    wanted = set(modules)
    return Loaded({name: c for name, c in registered().items() if c.module in wanted}, broken)


def _import(module: str) -> None:
    """Import it. Below pytest, which parses what it imports, CPython 3.11 can raise SystemError when another thread
    parses at that moment ("AST constructor recursion depth mismatch"): that is asked once more."""
    try:
        importlib.import_module(module)
    except SystemError:
        importlib.import_module(module)
